import { statSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Timer } from '../runtime/clock.ts';
import { cgroupPids, killCgroup, ranOutOfMemory, removeCgroup } from './cgroup.ts';
import { type ChildExit, type LimitName, type NativeExit, readExitFile } from './child-exit.ts';
import { isRunning } from './process-identity.ts';
import type { ProcessListing } from './process-table.ts';
import { ProcessTree } from './process-tree.ts';
import { signalGroup, signalProcess } from './signal.ts';
import type { ProcessRecord } from './start-plan.ts';

/** How long each step of stopping may take, in milliseconds. */
export interface StopOptions {
  /** After closing a held standard input. Default 0: not asked. */
  readonly askMs?: number;
  /** After SIGTERM. Default 5,000; 0 kills at once. */
  readonly termMs?: number;
}

/** What a process tree was using when it was last looked at. */
export interface ProcessUsage {
  readonly processes: number;
  readonly memoryBytes: number;
  readonly cpuMs: number;
}

/** A started or adopted process with everything it brought forth. */
export interface ChildHandle {
  /** Id of the program's process. */
  readonly pid: number;
  /** What must be kept to adopt it later. */
  readonly record: ProcessRecord;
  /** Resolves when it has ended and nothing it started is left. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Last look at its process tree; `null` before the first. */
  readonly usage: ProcessUsage | null;
  /**
   * Ends it: closes a held standard input, SIGTERM to the group and to descendants outside of it, then SIGKILL to
   * all of them until none is left. Calling again with shorter times hastens it; after the end it changes nothing.
   */
  stop(options?: StopOptions): Promise<ChildExit>;
}

const MIB = 1024 * 1024;
/** Rounds of killing what is still there, each after a growing pause: ten seconds altogether. */
const KILL_ROUNDS = 56;
/** Time the shim has to write the status after its program is gone. */
const LEADER_GRACE_MS = 1000;
/** Grace of an agent that ran out of wall-clock time. Memory, CPU and output leave none. */
const WALL_GRACE_MS = 2000;

/** @internal One child as {@link Processes} holds it. */
export class Child implements ChildHandle {
  readonly record: ProcessRecord;
  readonly exited: Promise<ChildExit>;
  usage: ProcessUsage | null = null;
  readonly #clock: Clock;
  readonly #tree: ProcessTree;
  readonly #stdin: Writable | null;
  readonly #wall: Timer;
  readonly #resolveExited: (exit: ChildExit) => void;
  /** Settles when the leader is gone, before what it left behind is. */
  readonly #leaderGone = Promise.withResolvers<void>();
  #ending = false;
  #cause: 'stopped' | LimitName | undefined;

  constructor(
    record: ProcessRecord,
    needs: { clock: Clock; list: () => Promise<ProcessListing> },
    stdin: Writable | null,
  ) {
    this.record = record;
    this.#clock = needs.clock;
    this.#stdin = stdin;
    this.#tree = new ProcessTree(needs.list, record.leader, record.marker);
    const { promise, resolve } = Promise.withResolvers<ChildExit>();
    this.exited = promise;
    this.#resolveExited = resolve;
    // An adopted agent goes on where it was; a clock that jumped meanwhile can shorten its time, never extend it.
    const wallMs = record.limits.wallSeconds * 1000;
    const leftMs = Math.min(wallMs, record.startedAtMs + wallMs - this.#clock.nowMs());
    this.#wall = this.#clock.after(Math.max(0, leftMs), () => this.#exceed('wall', WALL_GRACE_MS));
  }

  get pid(): number {
    return this.record.program.pid;
  }

  stop(options: StopOptions = {}): Promise<ChildExit> {
    if (!this.#ending) {
      this.#cause ??= 'stopped';
      void this.#end(options.askMs ?? 0, options.termMs ?? 5000);
    }
    return this.exited;
  }

  /** Stops the agent when it wrote more than it may. Cheap: called four times a second for each. */
  checkOutput(): void {
    const { stdoutFile, stderrFile, limits } = this.record;
    const bytes = [...new Set([stdoutFile, stderrFile])].reduce((sum, path) => sum + sizeOf(path), 0);
    if (bytes > limits.outputMb * MIB) this.#exceed('output', 0);
  }

  /** Notices the end of a leader that is not our own child. */
  async checkLeader(): Promise<void> {
    if (!(await isRunning(this.record.leader))) this.leaderEnded();
  }

  /** Looks at the process tree: what it uses, and who is in it, to be found again should the parents be gone. */
  async checkUsage(): Promise<void> {
    if (this.#ending) return;
    const rows = await this.#tree.members(false);
    const { memoryMb, cpuSeconds, processes } = this.record.limits;
    this.usage = {
      processes: rows.length,
      memoryBytes: rows.reduce((sum, row) => sum + row.memoryBytes(), 0),
      cpuMs: rows.reduce((sum, row) => sum + row.cpuMs, 0),
    };
    const { limitsInForce } = this.record;
    if (limitsInForce.memoryMb.includes('watch') && this.usage.memoryBytes > memoryMb * MIB) this.#exceed('memory', 0);
    if (this.usage.cpuMs > cpuSeconds * 1000) this.#exceed('cpu', 0);
    if (this.usage.processes > processes) this.#exceed('processes', 0);
  }

  /** The leader has ended: clears up behind it and tells how it went. */
  leaderEnded(native?: NativeExit): void {
    if (this.#enterEnd()) void this.#clearUp().then((leftBehind) => this.#settle(native, leftBehind));
  }

  /** The machine was restarted since: whatever goes by these ids now is not ours to touch. */
  machineRestarted(): void {
    if (this.#enterEnd()) void this.#settle(undefined, []);
  }

  /** Forgets the process without touching it. */
  release(): void {
    this.#wall.cancel();
  }

  #exceed(limit: LimitName, termMs: number): void {
    if (this.#ending || this.#cause !== undefined) return;
    this.#cause = limit;
    void this.#end(0, termMs);
  }

  async #end(askMs: number, termMs: number): Promise<void> {
    if (askMs > 0 && this.#stdin !== null) {
      this.#stdin.end();
      if (await this.#goneWithin(askMs)) return;
    }
    if (termMs > 0) {
      // Who is there is noted before parents die and children change hands.
      const members = await this.#tree.members(true).catch(() => []);
      await signalGroup(this.record.leader, 'SIGTERM');
      for (const row of members) if (row.group !== this.record.leader.pid) await signalProcess(row, 'SIGTERM');
      if (await this.#goneWithin(termMs)) return;
    }
    await this.#killMembers();
    // The shim is spared so that it can write down how its program ended.
    if (await this.#goneWithin(LEADER_GRACE_MS)) return;
    await signalProcess(this.record.leader, 'SIGKILL');
    await this.checkLeader();
  }

  /** Kills everything but the leader until nothing is left; answers what would not go. */
  async #killMembers(): Promise<readonly number[]> {
    let left: readonly number[] = [this.pid];
    for (let round = 0; round < KILL_ROUNDS; round += 1) {
      // A look that fails (`ps` could not be started) is no proof that nothing is left.
      left = await this.#killOnce().catch(() => left);
      if (left.length === 0) break;
      await delay(Math.min(200, 5 * (round + 1)));
    }
    return left;
  }

  async #killOnce(): Promise<readonly number[]> {
    const { cgroup } = this.record;
    if (cgroup !== null && (await killCgroup(cgroup))) return cgroupPids(cgroup);
    const members = await this.#tree.members(true);
    for (const row of members) await signalProcess(row, 'SIGKILL');
    return members.map((row) => row.pid);
  }

  #enterEnd(): boolean {
    if (this.#ending) return false;
    this.#ending = true;
    this.#wall.cancel();
    this.#stdin?.destroy();
    this.#leaderGone.resolve();
    return true;
  }

  async #clearUp(): Promise<readonly number[]> {
    const leftBehind = await this.#killMembers();
    const { cgroup } = this.record;
    if (cgroup !== null) {
      if (await ranOutOfMemory(cgroup)) this.#cause ??= 'memory';
      await removeCgroup(cgroup);
    }
    return leftBehind;
  }

  async #settle(native: NativeExit | undefined, leftBehind: readonly number[]): Promise<void> {
    const { exitFile, stdoutFile, stderrFile, limits } = this.record;
    const { began = true, ...written } = (await readExitFile(exitFile)) ?? {};
    const end = { code: null, signal: null, atMs: this.#clock.nowMs(), ...native, ...written };
    const cause = this.#cause ?? (began ? causeOf(end) : 'unbegun');
    if (cause === 'output') {
      for (const path of [stdoutFile, stderrFile]) await cutTo(path, limits.outputMb * MIB);
    }
    this.#resolveExited({ ...end, cause, leftBehind });
  }

  async #goneWithin(ms: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#clock.after(ms, () => resolve(false));
    const gone = await Promise.race([this.#leaderGone.promise.then(() => true), late]);
    timer.cancel();
    return gone;
  }
}

function causeOf(end: Pick<ChildExit, 'code' | 'signal'>): ChildExit['cause'] {
  if (end.signal === 'SIGXCPU') return 'cpu';
  if (end.signal === 'SIGXFSZ') return 'output';
  return end.code === null && end.signal === null ? 'unknown' : 'exited';
}

function sizeOf(path: string): number {
  // Synchronous on purpose: a stat of an open file takes microseconds, less than handing it to the thread pool.
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function cutTo(path: string, bytes: number): Promise<void> {
  if (sizeOf(path) > bytes) await truncate(path, bytes).catch(() => {});
}
