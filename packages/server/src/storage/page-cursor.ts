import { SidecarError } from '@orchestration-sidecar/shared';

/** Last row of a page that is ordered by time, then id. */
export interface PagePosition {
  readonly atMs: number;
  readonly id: string;
}

/** Writes a position as the opaque cursor of the next page. */
export function encodePageCursor(position: PagePosition): string {
  return Buffer.from(`${position.atMs}:${position.id}`).toString('base64url');
}

/**
 * Reads the cursor of a page; none is the first page.
 * @throws {SidecarError} `CURSOR_INVALID`.
 */
export function decodePageCursor(cursor: string | undefined): PagePosition | undefined {
  if (cursor === undefined) return undefined;
  const match = /^(\d{1,15}):(.{1,200})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (!match?.[1] || !match[2]) throw new SidecarError('CURSOR_INVALID');
  return { atMs: Number(match[1]), id: match[2] };
}
