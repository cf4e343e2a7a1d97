import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInProcess, type InProcess } from './command-in-process.ts';
import { RunningCommand, runCommand, type Ended, type Surroundings } from './cli-process.ts';

/** A folder for one test file: a git repository, a data directory, and a sidecar on both. */
export class Sandbox implements AsyncDisposable {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-cli-')));
  readonly dataDir = join(this.directory, 'data');
  readonly repository = join(this.directory, 'shop');
  #server: RunningCommand | undefined;

  constructor() {
    mkdirSync(join(this.repository, 'src', 'cart'), { recursive: true });
    writeFileSync(join(this.repository, 'src', 'cart', 'cart.ts'), 'export const items: string[] = [];\n');
    this.git('init', '--quiet', '--initial-branch=main');
    this.git('add', '.');
    this.git('-c', 'user.name=Test', '-c', 'user.email=test@example.org', 'commit', '--quiet', '--message=first');
  }

  /** Secret of the sidecar that {@link serve} started. */
  get operatorToken(): string {
    return readFileSync(join(this.dataDir, 'operator.token'), 'utf8').trim();
  }

  git(...args: string[]): void {
    execFileSync('git', args, {
      cwd: this.repository,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], HOME: this.directory },
    });
  }

  /** Starts a sidecar inside the repository; answers its URL. */
  async serve(...args: string[]): Promise<string> {
    this.#server = this.start(['serve', '--port', '0', ...args], { cwd: join(this.repository, 'src', 'cart') });
    const [, url = ''] = await this.#server.prints(/^Orchestration Sidecar is ready on (\S+)$/m);
    return url;
  }

  /** Stops the sidecar as its user does. */
  async stop(): Promise<void> {
    await this.#server?.stop('SIGTERM');
  }

  /** Starts a command that knows the data directory. */
  start(args: readonly string[], surroundings: Surroundings = {}): RunningCommand {
    return new RunningCommand(args, this.#inside(surroundings));
  }

  /** Runs a command that knows the data directory to its end. */
  run(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
    return runCommand(args, this.#inside(surroundings));
  }

  /** Runs a command that knows the data directory to its end, without a process of its own. */
  ask(args: readonly string[], surroundings: InProcess = {}): Promise<Ended> {
    return runInProcess(args, this.#inside(surroundings));
  }

  /** Runs a command that must succeed, without a process of its own; answers what it printed, without the last line break. */
  async output(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.ask(args);
    if (code !== 0) throw new Error(`sidecar ${args.join(' ')} exited with ${code}: ${stderr}`);
    return stdout.trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #inside<Around extends Surroundings>({ env, ...rest }: Around) {
    return { ...rest, env: { SIDECAR_DATA_DIR: this.dataDir, ...env } };
  }
}
