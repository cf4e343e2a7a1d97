import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, type FileHandle, open, rm, stat } from 'node:fs/promises';
import type { Duplex, Readable } from 'node:stream';
import { type Clock, repeat, type Timer } from '../runtime/clock.ts';
import { type Cgroup, Cgroups, removeCgroup } from './cgroup.ts';
import { Child, type ChildHandle } from './child.ts';
import { fromShellStatus, type NativeExit } from './child-exit.ts';
import { bootId, isRunning, type ProcessIdentity, startTimeOf } from './process-identity.ts';
import { ProcessStartError } from './process-start-error.ts';
import {
  MARKER_VARIABLE,
  type ProcessListing,
  processTable,
  type ProcessTable,
  shareListing,
} from './process-table.ts';
import { GO, parseShimReport, SHELL, shimArgs, type ShimReport } from './shim.ts';
import type { LimitsInForce, ProcessRecord, StartPlan } from './start-plan.ts';
import { sweep } from './sweep.ts';

/** What {@link Processes.open} needs. */
export interface ProcessesOptions {
  readonly clock: Clock;
  /** `auto` puts agents into control groups where that is possible, `off` never does. Default `auto`. */
  readonly cgroups?: 'auto' | 'off';
  /** How the machine's processes are listed. Default: `/proc`, else `ps`. */
  readonly table?: ProcessTable;
}

/** How often output sizes and adopted processes are looked at; every fourth time also memory and CPU. */
const WATCH_MS = 250;
const LOOKS_PER_USAGE = 4;
/**
 * Address space a process may have as private data, above its memory limit. Run-times map far more than they use
 * before their first line runs (measured: Node 26 0.57 GiB, Bun 1.4 at least 1.3 GiB), so RLIMIT_AS and a tight
 * RLIMIT_DATA would stop healthy programs. This one only catches a process that grows faster than we look.
 */
const DATA_HEADROOM_MB = 2048;
/**
 * Smallest bound of any single file an agent writes. RLIMIT_FSIZE counts each file, output or not, and a build or a
 * repository pack may rightly be larger than the output allowed; it only catches a flood faster than we look.
 */
const MIN_FILE_MB = 512;
/** As much of a script as Linux looks at for its interpreter. */
const FIRST_LINE_BYTES = 256;

/** Starts processes, holds them to their limits, finds them again and clears up behind them. */
export class Processes {
  readonly #clock: Clock;
  readonly #list: () => Promise<ProcessListing>;
  readonly #cgroups: Cgroups | undefined;
  readonly #children = new Map<Child, { readonly adopted: boolean }>();
  #watch: Timer | undefined;
  #looks = 0;

  private constructor(options: ProcessesOptions, cgroups: Cgroups | undefined) {
    this.#clock = options.clock;
    this.#list = shareListing(options.table ?? processTable);
    this.#cgroups = cgroups;
  }

  /** Finds out what this machine offers. Closes with {@link close}. */
  static async open(options: ProcessesOptions): Promise<Processes> {
    return new Processes(options, options.cgroups === 'off' ? undefined : await Cgroups.open());
  }

  /** Stops watching. Processes that run go on running, to be adopted by the next sidecar. */
  async close(): Promise<void> {
    this.#watch?.cancel();
    this.#watch = undefined;
    for (const child of this.#children.keys()) child.release();
    this.#children.clear();
    await this.#cgroups?.close();
  }

  /**
   * Starts a program in a session and process group of its own.
   * @param keep keeps the record of the process, which waits for it: the program begins when this has resolved, and never
   * when it rejects or the sidecar dies before. So a program that began can be found again, and one that cannot be found
   * has done nothing. Default: nothing is kept.
   * @throws {ProcessStartError} when the program or the working directory is missing, or the system refuses; what `keep`
   * rejects with.
   */
  async start(
    plan: StartPlan,
    keep: (record: ProcessRecord) => Promise<unknown> = async () => {},
  ): Promise<ChildHandle> {
    await assertStartable(plan);
    const { memoryMb, processes } = plan.limits;
    const cgroup = await this.#cgroups?.make(plan.marker, { memoryMb, processes }).catch(() => undefined);
    const files: FileHandle[] = [];
    try {
      await rm(plan.exitFile, { force: true });
      const stdout = await hold(files, open(plan.stdoutFile, 'a', 0o600));
      const stderr =
        plan.stderrFile === plan.stdoutFile ? stdout : await hold(files, open(plan.stderrFile, 'a', 0o600));
      const stdin = plan.holdStdin === true ? 'pipe' : (await hold(files, openStdin(plan))).fd;
      return await this.#spawn(plan, keep, cgroup, [stdin, stdout.fd, stderr.fd]);
    } catch (cause) {
      if (cgroup !== undefined) await removeCgroup(cgroup.directory);
      throw cause;
    } finally {
      for (const file of files) await file.close();
    }
  }

  /**
   * Takes over a process that an earlier sidecar started. One that has ended meanwhile is settled: what it left
   * behind is ended, and `exited` tells its real status when the shim wrote one.
   */
  async adopt(record: ProcessRecord): Promise<ChildHandle> {
    const child = new Child(record, { clock: this.#clock, list: this.#list }, null);
    this.#hold(child, true);
    if (record.bootId !== bootId()) child.machineRestarted();
    else if (!(await isRunning(record.leader))) child.leaderEnded();
    return child;
  }

  /**
   * Ends everything that carries a marker: what is left of a start that was never recorded.
   * @returns how many processes there were.
   */
  async sweep(marker: string): Promise<number> {
    const ended = await sweep(this.#list, marker);
    await this.#cgroups?.remove(marker);
    return ended;
  }

  async #spawn(
    plan: StartPlan,
    keep: (record: ProcessRecord) => Promise<unknown>,
    cgroup: Cgroup | undefined,
    stdio: ['pipe' | number, number, number],
  ): Promise<Child> {
    const { limits } = plan;
    const shimLimits = {
      cgroup: cgroup?.directory ?? null,
      // macOS takes the limit and does not enforce it.
      dataMb: process.platform === 'linux' ? limits.memoryMb + DATA_HEADROOM_MB : null,
      cpuSeconds: limits.cpuSeconds,
      fileMb: Math.max(MIN_FILE_MB, limits.outputMb * 2),
      openFiles: limits.openFiles,
    };
    const child = spawnShell(plan, shimArgs(plan.exitFile, shimLimits, plan.file, plan.args), stdio);
    const early = Promise.withResolvers<NativeExit>();
    child.once('exit', (code, signal) => {
      early.resolve(code === null ? { code, signal } : fromShellStatus(code));
    });
    const failed = Promise.withResolvers<never>();
    child.once('error', (cause) => failed.reject(refused(plan, cause)));
    const pipe = child.stdio[3] as Duplex;
    // Its report says all there is to know; later errors of the pipe say nothing more.
    pipe.on('error', () => {});
    const report = await Promise.race([readReport(pipe), failed.promise]);
    if (report === undefined) throw refused(plan, 'the shell ended before it could start the program');
    child.stdin?.on('error', () => {});
    if (plan.stdin !== undefined) child.stdin?.write(plan.stdin);
    child.unref();

    const record: ProcessRecord = {
      program: await complete(report.program),
      leader: await complete(report.leader),
      bootId: bootId(),
      marker: plan.marker,
      cgroup: report.limits.has('cgroup') ? (cgroup?.directory ?? null) : null,
      stdoutFile: plan.stdoutFile,
      stderrFile: plan.stderrFile,
      exitFile: plan.exitFile,
      limits,
      limitsInForce: inForce(report, cgroup),
      startedAtMs: this.#clock.nowMs(),
    };
    try {
      await keep(record);
    } catch (cause) {
      pipe.destroy();
      await early.promise;
      throw cause;
    }
    pipe.end(GO, () => pipe.destroy());
    const handle = new Child(record, { clock: this.#clock, list: this.#list }, child.stdin);
    this.#hold(handle, false);
    void early.promise.then((exit) => handle.leaderEnded(exit));
    return handle;
  }

  #hold(child: Child, adopted: boolean): void {
    this.#children.set(child, { adopted });
    this.#watch ??= repeat(this.#clock, WATCH_MS, () => this.#look());
    void this.#dropWhenEnded(child);
  }

  async #dropWhenEnded(child: Child): Promise<void> {
    await child.exited;
    this.#children.delete(child);
    if (this.#children.size > 0) return;
    this.#watch?.cancel();
    this.#watch = undefined;
  }

  async #look(): Promise<void> {
    this.#looks += 1;
    const withUsage = this.#looks % LOOKS_PER_USAGE === 0;
    const looks: Promise<void>[] = [];
    for (const [child, { adopted }] of this.#children) {
      child.checkOutput();
      if (adopted) looks.push(child.checkLeader());
      if (withUsage) looks.push(child.checkUsage());
    }
    // A look that fails is repeated a moment later.
    await Promise.allSettled(looks);
  }
}

async function assertStartable(plan: StartPlan): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(plan.marker)) throw refused(plan, `"${plan.marker}" cannot be a marker`);
  const directory = await stat(plan.cwd).catch(() => undefined);
  if (!directory?.isDirectory()) {
    throw new ProcessStartError('no_directory', plan.file, `${plan.cwd} is not a directory to run ${plan.file} in`);
  }
  const file = await stat(plan.file).catch(() => undefined);
  if (file === undefined) throw new ProcessStartError('missing', plan.file, `there is no program ${plan.file}`);
  const executable = await access(plan.file, constants.X_OK).then(
    () => file.isFile(),
    () => false,
  );
  if (!executable) throw new ProcessStartError('not_executable', plan.file, `${plan.file} is not an executable file`);
  const interpreter = await interpreterOf(plan.file);
  if (interpreter === undefined || (await stat(interpreter).catch(() => undefined))?.isFile()) return;
  const detail = `${plan.file} wants to be run by ${interpreter}, which is not there`;
  throw new ProcessStartError('no_interpreter', plan.file, detail);
}

/** The interpreter that the first line of a script names; `undefined`: none, or the system has to find out. */
async function interpreterOf(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
    return /^#![ \t]*(\/[^\s\0]+)/.exec(buffer.toString('utf8', 0, bytesRead))?.[1];
  } finally {
    await file.close();
  }
}

function refused(plan: StartPlan, cause: unknown): ProcessStartError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProcessStartError('refused', plan.file, `${plan.file} could not be started: ${why}`, cause);
}

async function hold(files: FileHandle[], opening: Promise<FileHandle>): Promise<FileHandle> {
  const file = await opening;
  files.push(file);
  return file;
}

/** Standard input as a file that nobody else can open: a pipe would end with the sidecar. */
async function openStdin(plan: StartPlan): Promise<FileHandle> {
  if (plan.stdin === undefined) return open('/dev/null', 'r');
  const path = `${plan.exitFile}.stdin`;
  const writing = await open(path, 'wx', 0o600);
  try {
    await writing.writeFile(plan.stdin);
    return await open(path, 'r');
  } finally {
    await writing.close();
    await rm(path, { force: true });
  }
}

function spawnShell(plan: StartPlan, args: string[], stdio: ['pipe' | number, number, number]) {
  try {
    return spawn(SHELL, args, {
      cwd: plan.cwd,
      env: { ...plan.env, [MARKER_VARIABLE]: plan.marker },
      detached: true,
      stdio: [...stdio, 'pipe'],
    });
  } catch (cause) {
    // NUL in an argument, arguments that are too long: thrown, not emitted.
    throw refused(plan, cause);
  }
}

/** Reads until the program is about to run; `undefined` when the shell ended before. */
async function readReport(pipe: Readable): Promise<ShimReport | undefined> {
  let text = '';
  try {
    for await (const chunk of pipe.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      text += String(chunk);
      const report = parseShimReport(text);
      if (report !== undefined) return report;
    }
  } catch {
    // A broken pipe tells the same as its end.
  }
  return undefined;
}

/** Start times come from the shim itself, which a program that ends at once cannot outrun; else from `ps`. */
async function complete(identity: ProcessIdentity): Promise<ProcessIdentity> {
  if (identity.startTime !== '') return identity;
  return { pid: identity.pid, startTime: (await startTimeOf(identity.pid)) ?? 'ended' };
}

function inForce(report: ShimReport, cgroup: Cgroup | undefined): LimitsInForce {
  const grouped = report.limits.has('cgroup') ? cgroup : undefined;
  const each = (name: string): readonly 'rlimit'[] => (report.limits.has(name) ? ['rlimit'] : []);
  return {
    wallSeconds: ['watch'],
    memoryMb: [grouped?.memory === true ? 'cgroup' : 'watch', ...each('data')],
    cpuSeconds: ['watch', ...each('cpu')],
    outputMb: ['watch', ...each('file')],
    openFiles: each('open'),
    processes: grouped?.processes === true ? ['cgroup', 'watch'] : ['watch'],
  };
}
