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
  let drawn = 0;
  let shown: readonly string[] = [];
  const give = restoring(terminal, HIDE_CURSOR, SHOW_CURSOR);
  const draw = (before: readonly string[]): void => {
    const up = drawn === 0 ? '' : `\r\u001b[${drawn}A`;
    const lines = shown.slice(0, terminal.size().rows - 1);
    drawn = lines.length;
    // Each line is overwritten and only its rest cleared: what has not changed does not blink.
    terminal.write(up + [...before, ...lines].map((line) => `${line}${CLEAR_LINE_END}\n`).join('') + CLEAR_BELOW);
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
      const shown = lines.slice(0, terminal.size().rows - 1);
      terminal.write(HOME + shown.map((line) => `${line}${CLEAR_LINE_END}\n`).join('') + CLEAR_BELOW);
    },
    log: () => undefined,
    close: give,
  };
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
