import type { Paint } from '../terminal.ts';

/** Where a board is drawn. */
export interface BoardTarget {
  readonly paint: Paint;
  readonly columns: number;
  /** Lines there are. */
  readonly rows: number;
  /** Undefined: how long things last is left out. */
  readonly nowMs: number | undefined;
}
