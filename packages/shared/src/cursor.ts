import { z } from 'zod';
import { SidecarError } from './problem.ts';

/**
 * Position in a project's log: the store's epoch and the sequence of the last event seen. Opaque to clients
 * (DECISIONS 6). A store that was restored from a backup has a new epoch, so that old positions are refused
 * instead of silently pointing at other events.
 */
export interface Position {
  readonly epoch: string;
  readonly sequence: number;
}

const FORM = /^([a-z0-9]{4,16})\.(0|[1-9][0-9]{0,15})$/;
/** Longest text of that form. */
const MAX_CHARS = 33;

/** Cursor as it travels. */
export const Cursor = z
  .string()
  .max(MAX_CHARS)
  .regex(FORM, 'cursor: pass it exactly as an answer gave it')
  .meta({ id: 'Cursor', examples: ['a1b2c3d4.42'], description: 'Opaque position in the log.' });

/** Cursor as a reader may send it: a position, or `latest` for new events only. */
export const CursorInput = z.union([z.literal('latest'), z.string().min(1).max(64)]).meta({
  id: 'CursorInput',
  examples: ['a1b2c3d4.42'],
  description: 'Continue after this position; `latest` for new events only; left out: from the oldest retained event.',
});

/** Writes a position as a cursor. */
export function formatCursor(position: Position): string {
  return `${position.epoch}.${position.sequence}`;
}

/**
 * Reads a cursor.
 * @throws {SidecarError} `CURSOR_INVALID` when it has another form.
 */
export function parseCursor(cursor: string): Position {
  const match = FORM.exec(cursor);
  if (!match?.[1] || !match[2] || !Number.isSafeInteger(Number(match[2]))) {
    throw new SidecarError('CURSOR_INVALID', 'The cursor has not the form of one.');
  }
  return { epoch: match[1], sequence: Number(match[2]) };
}
