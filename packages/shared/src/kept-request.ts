import { z } from 'zod';
import { IdempotencyKey } from './ids.ts';
import { JsonRecord } from './json.ts';

/**
 * A result or an event that could not be handed in because the sidecar was away, and is kept until it is back. Its key
 * makes it count once, however often and by whomever it is delivered: the agent, its launch script, or the sidecar
 * itself once the agent has ended.
 */
export const KeptRequest = z.object({
  /** Below the base of the REST routes: `/results` or `/events/<event_type>`. */
  path: z.string().regex(/^\/(?:results|events\/[^/\s]{1,384})$/),
  idempotencyKey: IdempotencyKey,
  body: JsonRecord,
});
export type KeptRequest = z.infer<typeof KeptRequest>;

/** Bounds of what one agent may keep, and how its files are named: in the order they are to be delivered in. */
export const KEPT = {
  maxRequests: 1000,
  maxBytes: 64 * 1024 * 1024,
  suffix: '.request',
  refusedSuffix: '.refused',
} as const;

/** Name of the file that comes after the others. */
export function nextKeptName(names: readonly string[]): string {
  const last = names.reduce((most, name) => Math.max(most, Number.parseInt(name, 10) || 0), 0);
  return `${String(last + 1).padStart(12, '0')}${KEPT.suffix}`;
}

/** Names of the files that wait to be delivered, first to last. */
export function keptNames(names: readonly string[]): string[] {
  return names.filter((name) => /^\d+\.request$/.test(name)).toSorted();
}

/** Writes a request so that a shell can take it apart as well: a line each, an empty one, the body. */
export function renderKept(request: { path: string; idempotencyKey: string; body: object }): string {
  const { path, idempotencyKey, body } = request;
  return `POST ${path}\nidempotency-key: ${idempotencyKey}\n\n${JSON.stringify(body)}\n`;
}

/** Reads what {@link renderKept} or a shell wrote; undefined for anything else. */
export function parseKept(text: string): KeptRequest | undefined {
  const [, path, idempotencyKey, body = ''] = /^POST (\S+)\nidempotency-key: (\S+)\n\n([\s\S]*)$/.exec(text) ?? [];
  try {
    const said: unknown = JSON.parse(body);
    return KeptRequest.parse({ path, idempotencyKey, body: said });
  } catch {
    return undefined;
  }
}

/** The call that a kept request stands for. */
export function callOfKept({ path, idempotencyKey, body }: KeptRequest): {
  readonly name: 'results.store' | 'events.publish';
  readonly input: Readonly<Record<string, unknown>>;
} {
  const keyed = { ...body, idempotency_key: idempotencyKey };
  if (path === '/results') return { name: 'results.store', input: keyed };
  return { name: 'events.publish', input: { event_type: decodeURIComponent(path.slice('/events/'.length)), ...keyed } };
}
