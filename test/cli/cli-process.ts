import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureBundled } from '../../scripts/bundle.mjs';

/** Root of the workspace, where a command runs unless told otherwise. */
export const root = join(import.meta.dirname, '..', '..');
/** The command from source; what people run is the bundle. */
const SOURCE = ['--conditions=@orchestration-sidecar/source', join(root, 'packages', 'cli', 'src', 'main.ts')];

/** Compiled code is kept from one command to the next. */
const CACHES = join(root, 'node_modules', '.cache', 'cli-test');

/** How a command of the CLI ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a command of the CLI runs. */
export interface Surroundings {
  readonly cwd?: string;
  /** On top of a bare environment: nothing of the one the tests run in reaches the command. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; without it there is none. */
  readonly input?: string;
  /** Run it from source, with these options of Node, instead of from the bundle. */
  readonly sourceWith?: readonly string[];
}

/** A command of the CLI that runs, as a person runs it: in a process of its own. */
export class RunningCommand implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], { cwd = root, env = {}, input, sourceWith }: Surroundings) {
    const program = sourceWith ? [...sourceWith, ...SOURCE] : [ensureBundled(process.execPath)];
    this.child = spawn(process.execPath, [...program, ...args], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: CACHES, XDG_CACHE_HOME: CACHES, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.child.stdin?.end(input);
    this.#ended = once(this.child, 'close').then(() => ({
      code: this.child.exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Everything written to standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** How it ended. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Waits until standard output holds something; rejects when the command ends before. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    const found = pattern.exec(this.#stdout);
    if (found) return found;
    const ended = this.#ended.then(({ code, stderr }) => {
      if (pattern.test(this.#stdout)) return;
      throw new Error(`ended with ${code} before it printed ${pattern}: ${this.#stdout}${stderr}`);
    });
    await Promise.race([...(this.child.stdout ? [once(this.child.stdout, 'data')] : []), ended]);
    return this.prints(pattern);
  }

  /** Sends signals and waits for the end. */
  async stop(...signals: NodeJS.Signals[]): Promise<Ended> {
    for (const signal of signals) this.child.kill(signal);
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    await this.#ended;
  }
}

/** Runs a command to its end. */
export function runCommand(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  return new RunningCommand(args, surroundings).ended;
}
