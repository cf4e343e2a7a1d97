import type { Terminal } from './terminal.ts';

/** Nothing is said about what is done sooner, in milliseconds. */
const PATIENCE_MS = 1000;
const EVERY_MS = 250;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** Waits for a promise and, on a terminal, says for what as soon as it takes more than a second. */
export async function whileWaiting<T>(terminal: Terminal, what: string, promise: Promise<T>): Promise<T> {
  if (!terminal.notesAreTerminal) return promise;
  const startedMs = performance.now();
  let frame = 0;
  const timer = setInterval(() => {
    const passedMs = performance.now() - startedMs;
    if (passedMs < PATIENCE_MS) return;
    frame += 1;
    const mark = terminal.paintNote('cyan', FRAMES[frame % FRAMES.length] ?? '');
    terminal.writeNote(`\r\u001b[2K${mark} ${what} … ${Math.floor(passedMs / 1000)} s`);
  }, EVERY_MS);
  timer.unref();
  try {
    return await promise;
  } finally {
    clearInterval(timer);
    if (frame > 0) terminal.writeNote('\r\u001b[2K');
  }
}
