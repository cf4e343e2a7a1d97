import { widthOf } from './render/text.ts';
import type { Terminal } from './terminal.ts';

/** A part of the terminal that is drawn again and again. */
export interface LiveView {
  /** Draws these lines in place of the last ones. */
  show(lines: readonly string[]): void;
  /** Prints a line that stays. */
  log(line: string): void;
  /** Stops drawing and gives the terminal back. Closing twice is once. */
  close(): void;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_LINE_END = '\u001b[K';
const OTHER_SCREEN = '\u001b[?1049h';
const FIRST_SCREEN = '\u001b[?1049l';
const HOME = '\u001b[H';

/** A view at the end of what was printed: lines that stay scroll past above it, and its last state stays. */
export function inlineView(terminal: Terminal): LiveView {
  let drawn: readonly string[] = [];
  let shown: readonly string[] = [];
  const give = restoring(terminal, HIDE_CURSOR, SHOW_CURSOR);
  const draw = (before: readonly string[]): void => {
    const { columns, rows } = terminal.size();
    // A terminal that was made narrower since has broken what was drawn into more rows.
    const drawnRows = rowsOf(drawn, columns);
    const up = drawnRows === 0 ? '' : `\r\u001b[${Math.min(drawnRows, rows - 1)}A`;
    drawn = fitting(shown, columns, rows - 1);
    terminal.write(up + overwritten([...before, ...drawn], columns) + CLEAR_BELOW);
  };
  return {
    show(lines) {
      shown = lines;
      draw([]);
    },
    log: (line) => draw([line]),
    close: give,
  };
}

/** A view that has the terminal to itself while it is open. */
export function fullView(terminal: Terminal): LiveView {
  const give = restoring(terminal, OTHER_SCREEN + HIDE_CURSOR, SHOW_CURSOR + FIRST_SCREEN);
  return {
    show(lines) {
      const { columns, rows } = terminal.size();
      terminal.write(HOME + overwritten(fitting(lines, columns, rows - 1), columns) + CLEAR_BELOW);
    },
    log: () => undefined,
    close: give,
  };
}

/** The first lines, as many as there are rows for. */
function fitting(lines: readonly string[], columns: number, rows: number): readonly string[] {
  let count = 0;
  for (let left = rows; count < lines.length; count += 1) {
    left -= rowsOf(lines.slice(count, count + 1), columns);
    if (left < 0) break;
  }
  return lines.slice(0, count);
}

/** How many rows of the terminal lines take: one that is wider than it goes on in the next. */
function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
}

/** Each line is overwritten and only its rest cleared: what has not changed does not blink. */
function overwritten(lines: readonly string[], columns: number): string {
  return lines.map((line) => `${line}${isFull(line, columns) ? '' : CLEAR_LINE_END}\n`).join('');
}

/** Whether a line fills its last row: there is nothing to clear, and some terminals would take its last character. */
function isFull(line: string, columns: number): boolean {
  const width = widthOf(line);
  return width > 0 && width % columns === 0;
}

/** Changes the terminal, and changes it back once: when asked, or at the latest when the process ends. */
function restoring(terminal: Terminal, change: string, back: string): () => void {
  let open = true;
  const restore = (): void => {
    if (!open) return;
    open = false;
    process.off('exit', restore);
    terminal.write(back);
  };
  process.on('exit', restore);
  terminal.write(change);
  return restore;
}
