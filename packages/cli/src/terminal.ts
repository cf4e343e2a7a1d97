import { styleText } from 'node:util';

/** What a command gets from the process it runs in, so that it can be run without one. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Directory the person stands in. */
  readonly cwd: string;
  /** What was asked for: data, on standard output. Ends the line. */
  print(text: string): void;
  /** Everything else, on standard error. Ends the line. */
  note(text: string): void;
  /** Writes to standard output as it stands. */
  write(text: string): void;
  /** Writes to standard error as it stands. */
  writeNote(text: string): void;
  /** Aborts when nobody reads standard output any more, as after `| head`. */
  readonly outputClosed: AbortSignal;
  /** Whether standard output is a terminal. */
  readonly outputIsTerminal: boolean;
  /** Whether standard error is a terminal. */
  readonly notesAreTerminal: boolean;
  /** Size of the terminal, in characters; 80 × 24 where there is none, or it does not say. */
  size(): { readonly columns: number; readonly rows: number };
  /** Colours for standard output. */
  readonly paint: Paint;
  /** Colours for standard error. */
  readonly paintNote: Paint;
  /** Reads standard input to its end. */
  readInput(): Promise<string>;
}

/** A colour or weight that is used. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'magenta';

/** Colours a text, or leaves it as it is where colours are not wanted. */
export type Paint = (style: Style, text: string) => string;

/** The terminal of this process. Colours only on a terminal and without `NO_COLOR` (no-color.org). */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const wantsColour = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const closed = new AbortController();
  stdout.on('error', () => closed.abort());
  // A reader that went away must not end a server.
  stderr.on('error', () => undefined);
  return {
    environment: env,
    cwd: process.cwd(),
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    write: (text) => void stdout.write(text),
    writeNote: (text) => void stderr.write(text),
    outputClosed: closed.signal,
    outputIsTerminal: stdout.isTTY,
    notesAreTerminal: stderr.isTTY,
    // A terminal that does not know its size says 0.
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    paint: wantsColour && stdout.isTTY ? painted : plain,
    paintNote: wantsColour && stderr.isTTY ? painted : plain,
    async readInput() {
      let text = '';
      for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk);
      return text;
    },
  };
}

/** Leaves every text as it is. */
export const plain: Paint = (_style, text) => text;

const painted: Paint = (style, text) => styleText(style, text, { validateStream: false });
