import { readFile, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { UNBEGUN } from './shim.ts';

/** Limits that the sidecar itself enforces by stopping the process. */
export type LimitName = 'wall' | 'memory' | 'cpu' | 'output' | 'processes';

/** How a process ended. */
export interface ChildExit {
  /** Exit code; `null` when a signal ended it or nothing is known. */
  readonly code: number | null;
  /**
   * Signal that ended it. The status comes through a shell, which tells signal n as 128 + n: a program that exits
   * with such a code of its own accord cannot be told from one that the signal ended.
   */
  readonly signal: string | null;
  /** When, in milliseconds since the epoch; for an exit found later, when the status was written. */
  readonly atMs: number;
  /**
   * Why, as far as the sidecar had a part in it. `unknown`: it ended while nobody watched and left no status
   * (the machine went down, or somebody killed the shim). `unbegun`: it never began, because the sidecar died before.
   */
  readonly cause: 'exited' | 'stopped' | 'unknown' | 'unbegun' | LimitName;
  /** Ids of processes that SIGKILL did not end in time (stuck in the kernel); normally empty. */
  readonly leftBehind: readonly number[];
}

/** Exit as the system tells it. */
export type NativeExit = Pick<ChildExit, 'code' | 'signal'>;

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** Reads a shell's exit status: a code, or 128 + n for signal n. */
export function fromShellStatus(status: number): NativeExit {
  const signal = status > 128 ? SIGNAL_NAMES.get(status - 128) : undefined;
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

/** What the shim wrote of the end. */
export interface WrittenExit extends NativeExit {
  readonly atMs: number;
  /** Whether the program began at all. */
  readonly began: boolean;
}

/** Reads what the shim wrote; `undefined` when it wrote nothing, or not all of it. */
export async function readExitFile(path: string): Promise<WrittenExit | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const began = text !== `${UNBEGUN}\n`;
    if (began && !/^\d{1,3}\n$/.test(text)) return undefined;
    const status = began ? fromShellStatus(Number(text)) : { code: null, signal: null };
    return { ...status, began, atMs: Math.round((await stat(path)).mtimeMs) };
  } catch {
    return undefined;
  }
}
