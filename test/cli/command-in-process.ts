import { run } from '../../packages/cli/src/command-line.ts';
import { plain, type Terminal } from '../../packages/cli/src/terminal.ts';
import { root, type Ended, type Surroundings } from './cli-process.ts';

/** What a command that runs in this process finds around it. */
export interface InProcess extends Surroundings {
  /** Whether a person reads standard error. Default false. */
  readonly notesAreTerminal?: boolean;
  /** Told what is written to standard error, as it is written. */
  readonly onNote?: (text: string) => void;
}

/**
 * Runs a command to its end without a process of its own, which takes a second to start on a busy machine. Not for
 * commands that take over signals or serve.
 */
export async function runInProcess(
  args: readonly string[],
  { cwd = root, env = {}, input = '', notesAreTerminal = false, onNote = () => {} }: InProcess = {},
): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  const note = (text: string): void => {
    stderr += text;
    onNote(text);
  };
  const terminal: Terminal = {
    environment: env,
    cwd,
    print: (text) => void (stdout += `${text}\n`),
    note: (text) => note(`${text}\n`),
    write: (text) => void (stdout += text),
    writeNote: note,
    outputClosed: new AbortController().signal,
    outputIsTerminal: false,
    notesAreTerminal,
    size: () => ({ columns: 80, rows: 24 }),
    paint: plain,
    paintNote: plain,
    readInput: () => Promise.resolve(input),
  };
  const code = await run(args, terminal);
  return { code, stdout, stderr };
}
