import { readdirSync } from 'node:fs';
import { residentMb } from '../support/process-list.ts';

/** Latencies of one kind, in milliseconds. */
export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Summary of many latencies; zeros for none. */
export function latenciesOf(samples: readonly number[]): Latencies {
  const sorted = Float64Array.from(samples).toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 };
}

/** Resident memory and open descriptors of a process over time, in thirds. Linux only. */
export class Residence {
  readonly #pid: number;
  readonly #samples: { readonly memoryMb: number; readonly descriptors: number }[] = [];

  constructor(pid: number) {
    this.#pid = pid;
  }

  sample(): void {
    this.#samples.push({
      memoryMb: residentMb(this.#pid),
      descriptors: readdirSync(`/proc/${this.#pid}/fd`).length,
    });
  }

  /** Mean memory in each third of the run, in MiB. */
  get memoryThirdsMb(): [number, number, number] {
    const third = this.#samples.length / 3;
    const mean = (n: number): number => {
      const part = this.#samples.slice(Math.floor(n * third), Math.floor((n + 1) * third));
      return part.reduce((sum, { memoryMb }) => sum + memoryMb, 0) / Math.max(1, part.length);
    };
    return [mean(0), mean(1), mean(2)];
  }

  get mostDescriptors(): number {
    return Math.max(0, ...this.#samples.map(({ descriptors }) => descriptors));
  }

  get lastDescriptors(): number {
    return this.#samples.at(-1)?.descriptors ?? 0;
  }
}
