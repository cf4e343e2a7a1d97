import type { Latencies } from './measurements.ts';
import type { Stored } from './stored.ts';

/** Bound that the specification sets for a call, in milliseconds. */
const TARGET_MS = 100;
/** How much more memory the last third may take than the second. */
const MAX_MEMORY_RATIO = 1.15;
/** From how many minutes on growth counts: before, caches that fill are most of it. It is printed all the same. */
const MEMORY_COUNTS_FROM_MINUTES = 10;

/** Everything a soak found. */
export interface SoakReport extends Stored {
  readonly minutes: number;
  /** Requests a second that were meant to be made. */
  readonly rate: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly latencies: Readonly<Record<string, Latencies>>;
  readonly memoryThirdsMb: readonly [number, number, number];
  readonly mostDescriptors: number;
  readonly lastDescriptors: number;
  /** The largest that `/metrics` told, in milliseconds; null: it told none. */
  readonly eventLoopDelayP99Ms: number | null;
  /** States of the spawned processes, each with how many. */
  readonly processes: Readonly<Record<string, number>>;
}

/** What makes the run a failure. Latency does not: it depends on what else the machine does. */
export function faultsOf(report: SoakReport): string[] {
  const [, second, last] = report.memoryThirdsMb;
  const grows = report.minutes >= MEMORY_COUNTS_FROM_MINUTES && last > second * MAX_MEMORY_RATIO;
  const notEnded = Object.keys(report.processes).filter((state) => state !== 'exited');
  return [
    ...Object.entries(report.errors).map(([name, count]) => `${count} × ${name}`),
    ...(report.integrity === 'ok' ? [] : [`integrity: ${report.integrity}`]),
    ...(report.lostEvents === 0 ? [] : [`${report.lostEvents} acknowledged events are lost`]),
    ...(report.lostResults === 0 ? [] : [`${report.lostResults} acknowledged results are lost`]),
    ...(grows ? [`memory grew from ${second.toFixed()} to ${last.toFixed()} MiB`] : []),
    ...notEnded.map((state) => `${report.processes[state]} processes are ${state}`),
    ...(report.requests > 0 ? [] : ['nothing was asked']),
  ];
}

/** Prints the table and one line of JSON. */
export function print(report: SoakReport): void {
  console.log(`${'call'.padEnd(12)} ${['count', 'p50 ms', 'p99 ms', 'max ms', 'margin ms'].map(right).join(' ')}`);
  for (const [name, { count, p50Ms, p99Ms, maxMs }] of Object.entries(report.latencies)) {
    const numbers = [p50Ms, p99Ms, maxMs, TARGET_MS - p99Ms].map((value) => right(value.toFixed(1)));
    console.log(`${name.padEnd(12)} ${[right(String(count)), ...numbers].join(' ')}`);
  }
  const [first, second, last] = report.memoryThirdsMb.map((mb) => mb.toFixed(1));
  console.log(
    `requests ${report.requests}, ${report.requestsPerSecond.toFixed(1)} a second of ${report.rate} asked for`,
  );
  console.log(`memory by thirds ${first}, ${second}, ${last} MiB`);
  console.log(`descriptors at most ${report.mostDescriptors}, at last ${report.lastDescriptors}`);
  console.log(`event-loop delay p99 at most ${report.eventLoopDelayP99Ms?.toFixed(1) ?? 'not measured'} ms`);
  console.log(`integrity ${report.integrity}; lost ${report.lostEvents} events, ${report.lostResults} results`);
  console.log(JSON.stringify(report));
}

function right(text: string): string {
  return text.padStart(10);
}
