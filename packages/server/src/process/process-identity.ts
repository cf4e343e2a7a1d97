import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * A process that cannot be mistaken for another one. Process ids are reused; a process id together with the time
 * its process started, within one boot of the machine, is not.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time as the system tells it: clock ticks since boot on Linux, `lstart` of `ps` elsewhere. */
  readonly startTime: string;
}

/** What `/proc/<pid>/stat` says, as far as it is of use here. Memory is in pages, times in clock ticks. */
export interface ProcessStat extends ProcessIdentity {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** CPU time of the process and of the children it has waited for. */
  readonly cpuTicks: number;
}

/** Reads one line of `/proc/<pid>/stat`; `undefined` when it is not one (proc_pid_stat(5)). */
export function parseStat(line: string): ProcessStat | undefined {
  // The name may hold spaces and parentheses: the fields begin after the last one.
  const end = line.lastIndexOf(')');
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(end + 2).split(' ');
  const startTime = fields[19];
  const state = fields[0];
  if (end < 0 || !Number.isInteger(pid) || startTime === undefined || state === undefined) return undefined;
  const number = (index: number): number => Number(fields[index]);
  return {
    pid,
    startTime,
    state,
    parent: number(1),
    group: number(2),
    session: number(3),
    cpuTicks: number(11) + number(12) + number(13) + number(14),
  };
}

/** Whether a state letter of `/proc` or `ps` is of a process that has ended and only waits to be reaped. */
export function isDeadState(state: string): boolean {
  return state.startsWith('Z') || state.startsWith('X') || state.startsWith('x');
}

/** Reads a process on Linux; `undefined` when there is none. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    // Synchronous on purpose: /proc answers from memory in microseconds, a thread pool hop costs ten times that.
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Id of this boot of the machine; empty where the system has none to tell. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Start time of a process; `undefined` when there is no such process. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = readStat(pid);
    return stat === undefined || isDeadState(stat.state) ? undefined : stat.startTime;
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env: PS_ENV });
    const [state = 'Z', ...time] = stdout.trim().split(/\s+/);
    return isDeadState(state) ? undefined : time.join(' ');
  } catch {
    return undefined;
  }
}

/** Whether exactly this process is still running; one that has ended and was not reaped yet is not. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await startTimeOf(identity.pid)) === identity.startTime;
}

/** Environment for `ps`: times in a language and zone that do not change between two calls. */
export const PS_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
