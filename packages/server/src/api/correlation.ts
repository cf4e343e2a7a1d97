import { CorrelationId } from '@orchestration-sidecar/shared';

/** Header that carries the correlation id, in requests and in answers (DECISIONS 27). */
export const CORRELATION_HEADER = 'x-correlation-id';

/** The caller’s correlation id when it sent a usable one, else a new one. */
export function correlationIdOf(header: unknown, make: () => string): string {
  // Most callers send none, and what is refused costs many times what is not asked.
  if (header === undefined) return make();
  const sent = CorrelationId.safeParse(header);
  return sent.success ? sent.data : make();
}
