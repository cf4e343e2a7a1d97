import type { Terminal } from './terminal.ts';

/** Longest bar, in characters. */
const MAX_WIDTH = 30;
/** Least time between two drawings, in milliseconds. */
const EVERY_MS = 50;

/** Shows how far something is, on a terminal; elsewhere it shows nothing. */
export interface ProgressBar {
  update(what: string, done: number, total: number): void;
  /** Takes the bar away. */
  end(): void;
}

/** A bar on standard error. */
export function progressBar(terminal: Terminal): ProgressBar {
  let drawnAtMs = -Infinity;
  let isShown = false;
  return {
    update(what, done, total) {
      const nowMs = performance.now();
      if (!terminal.notesAreTerminal || nowMs - drawnAtMs < EVERY_MS) return;
      drawnAtMs = nowMs;
      isShown = true;
      const share = total === 0 ? 1 : Math.min(1, done / total);
      const width = Math.max(0, Math.min(MAX_WIDTH, terminal.size().columns - what.length - 8));
      const filled = Math.round(share * width);
      const bar =
        terminal.paintNote('cyan', '━'.repeat(filled)) + terminal.paintNote('dim', '━'.repeat(width - filled));
      terminal.writeNote(`\r\u001b[2K${what} ${bar} ${String(Math.floor(share * 100)).padStart(3)} %`);
    },
    end() {
      if (isShown) terminal.writeNote('\r\u001b[2K');
    },
  };
}
