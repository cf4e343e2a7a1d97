import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isDeadState, PS_ENV, type ProcessIdentity, readStat } from './process-identity.ts';

/** Name of the variable that marks every process of one agent, also those that left its group and session. */
export const MARKER_VARIABLE = 'SIDECAR_PROCESS_MARKER';

/** One running process. */
export interface ProcessRow extends ProcessIdentity {
  readonly parent: number;
  readonly group: number;
  /** 0 where the system does not tell. */
  readonly session: number;
  /** CPU time of the process and of the children it has waited for, in milliseconds. */
  readonly cpuMs: number;
  /** Memory of its own, in bytes: resident less shared where that is known. */
  memoryBytes(): number;
  /** Value of {@link MARKER_VARIABLE} in its environment; `undefined` when not there or not ours to read. */
  marker(): string | undefined;
}

/** How the processes of the machine are listed. */
export type ProcessTable = () => Promise<readonly ProcessRow[]>;

/** The processes of one moment, ready to be asked by many. */
export class ProcessListing {
  readonly rows: readonly ProcessRow[];
  readonly #byPid: ReadonlyMap<number, ProcessRow>;
  readonly #byParent: ReadonlyMap<number, readonly ProcessRow[]>;
  readonly #byGroup: ReadonlyMap<number, readonly ProcessRow[]>;
  readonly #bySession: ReadonlyMap<number, readonly ProcessRow[]>;
  #byMarker: ReadonlyMap<string | undefined, readonly ProcessRow[]> | undefined;

  constructor(rows: readonly ProcessRow[]) {
    this.rows = rows;
    this.#byPid = new Map(rows.map((row) => [row.pid, row]));
    this.#byParent = Map.groupBy(rows, (row) => row.parent);
    this.#byGroup = Map.groupBy(rows, (row) => row.group);
    this.#bySession = Map.groupBy(rows, (row) => row.session);
  }

  /** Exactly this process, when it is there. */
  find(identity: ProcessIdentity): ProcessRow | undefined {
    const row = this.#byPid.get(identity.pid);
    return row?.startTime === identity.startTime ? row : undefined;
  }

  /** Processes in the group or the session of this number. */
  led(pid: number): readonly ProcessRow[] {
    return [...(this.#byGroup.get(pid) ?? []), ...(this.#bySession.get(pid) ?? [])];
  }

  /** Processes that carry the marker. Reads the environment of every process, once. */
  marked(marker: string): readonly ProcessRow[] {
    this.#byMarker ??= Map.groupBy(this.rows, (row) => row.marker());
    return this.#byMarker.get(marker) ?? [];
  }

  /** These processes and all that descend from them, each once. */
  withDescendants(roots: Iterable<ProcessRow>): readonly ProcessRow[] {
    const found = new Set<ProcessRow>(roots);
    // A set is walked in the order of adding, and what is added on the way is walked as well.
    for (const row of found) for (const child of this.#byParent.get(row.pid) ?? []) found.add(child);
    return [...found];
  }
}

const IN_ENVIRON = new RegExp(`(?:^|\\0)${MARKER_VARIABLE}=([^\\0]*)\\0`);
const IN_COMMAND = new RegExp(` ${MARKER_VARIABLE}=(\\S*) `);

/** Processes read in one go before other work gets a turn. */
const SLICE = 64;
/** Linux tells user space 100 ticks a second on every architecture. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;

/** Lists the running processes from `/proc`. */
export const readProc: ProcessTable = async () => {
  const rows: ProcessRow[] = [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const [index, name] of pids.entries()) {
    if (index % SLICE === SLICE - 1) await nextTurn();
    const stat = readStat(Number(name));
    if (stat === undefined || isDeadState(stat.state)) continue;
    const { pid } = stat;
    rows.push({
      pid,
      startTime: stat.startTime,
      parent: stat.parent,
      group: stat.group,
      session: stat.session,
      cpuMs: stat.cpuTicks * MS_PER_TICK,
      memoryBytes() {
        const [, resident = '0', shared = '0'] = readText(`/proc/${pid}/statm`).split(' ');
        return (Number(resident) - Number(shared)) * PAGE_BYTES;
      },
      marker: once(() => IN_ENVIRON.exec(readText(`/proc/${pid}/environ`))?.[1]),
    });
  }
  return rows;
};

/** Arguments that make `ps` print {@link ProcessRow}s with their environment, by platform. */
const PS_ARGS = {
  darwin: ['-A', '-E', '-ww', '-o', 'pid=,ppid=,pgid=,stat=,rss=,time=,lstart=,command='],
  other: ['axeww', '-o', 'pid=,ppid=,pgid=,stat=,rss=,time=,lstart=,command='],
};

/** Lists the running processes by `ps`, for systems without `/proc`. */
export const readPs: ProcessTable = async () => {
  const args = process.platform === 'darwin' ? PS_ARGS.darwin : PS_ARGS.other;
  const { stdout } = await promisify(execFile)('ps', args, { env: PS_ENV, maxBuffer: 256 * 1024 * 1024 });
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, group, state, rss, time, ...rest] = line.trim().split(/\s+/);
    if (pid === undefined || state === undefined || time === undefined || isDeadState(state)) return [];
    const command = ` ${rest.slice(5).join(' ')} `;
    return [
      {
        pid: Number(pid),
        startTime: rest.slice(0, 5).join(' '),
        parent: Number(parent),
        group: Number(group),
        session: 0,
        cpuMs: psTimeMs(time),
        memoryBytes: () => Number(rss) * 1024,
        marker: () => IN_COMMAND.exec(command)?.[1],
      },
    ];
  });
};

/** The process table of this machine. */
export const processTable: ProcessTable = process.platform === 'linux' ? readProc : readPs;

/** Lets everybody who asks before a listing begins share it; who asks while one runs gets the next. */
export function shareListing(table: ProcessTable): () => Promise<ProcessListing> {
  let running: Promise<unknown> = Promise.resolve();
  let upcoming: Promise<ProcessListing> | undefined;
  return () => {
    upcoming ??= running.then(() => {
      upcoming = undefined;
      const listing = table().then((rows) => new ProcessListing(rows));
      running = listing.catch(() => {});
      return listing;
    });
    return upcoming;
  };
}

/** Reads `[[days-]hours:]minutes:seconds[.hundredths]`. */
function psTimeMs(text: string): number {
  const [clock = '', days = '0'] = text.split('-').toReversed();
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1000);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function once<T>(read: () => T): () => T {
  let known: { value: T } | undefined;
  return () => (known ??= { value: read() }).value;
}
