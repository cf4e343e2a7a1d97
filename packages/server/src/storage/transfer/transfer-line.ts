import { z } from 'zod';
import { Issue, Project, SidecarEvent, StoredResult } from '@orchestration-sidecar/shared';

/** An export that cannot be imported, in words for the operator. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
}

const TransferLine = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('export'),
    format: z.literal(1),
    version: z.string(),
    exported_at: z.string(),
    counts: z.object({ projects: z.int(), issues: z.int(), results: z.int(), events: z.int() }),
  }),
  z.object({ kind: z.literal('project'), ...Project.omit({ default: true }).shape }),
  z.object({ kind: z.literal('issue'), ...Issue.shape }),
  z.object({ kind: z.literal('result'), ...StoredResult.shape }),
  z.object({ kind: z.literal('event'), event: SidecarEvent }),
  z.object({ kind: z.literal('end'), lines: z.int(), sha256: z.string() }),
]);

/** One line of an export. */
export type TransferLine = z.infer<typeof TransferLine>;

/**
 * Reads a line of an export.
 * @throws {TransferError} naming the line and what is wrong with it.
 */
export function readTransferLine(text: string, number: number): TransferLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TransferError(`Line ${number} is not JSON.`, { cause });
  }
  const parsed = TransferLine.safeParse(value);
  if (parsed.success) return parsed.data;
  const [fault] = parsed.error.issues;
  throw new TransferError(`Line ${number}: ${fault?.path.join('.') ?? ''} ${fault?.message ?? 'is not understood'}`);
}
