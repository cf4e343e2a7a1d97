import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ids of the processes, dead ones that were not reaped included, that carry the marker of an agent. Linux only. */
export function processesOf(agentId: string): number[] {
  return processesWith(`SIDECAR_PROCESS_MARKER=${agentId}\0`);
}

/** Ids of the processes that have a text in their environment. Linux only. */
export function processesWith(text: string): number[] {
  return pids().filter((pid) => read(`/proc/${pid}/environ`).includes(text));
}

/** Children of a process that have ended and were not reaped. Linux only. */
export function zombiesOf(parent: number): number[] {
  return pids().filter((pid) => {
    const [state, ppid] = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
    return state === 'Z' && Number(ppid) === parent;
  });
}

/** What a process holds open, sorted. Linux only. */
export function openFilesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target !== '' && !target.includes('/proc/'))
    .toSorted();
}

/** Resident memory of a process in MiB. Linux only. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
