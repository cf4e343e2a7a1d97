/** Length of the window, and of the slots it moves by. */
const WINDOW_SECONDS = 300;
/** Bucket upper bounds grow by a tenth, from 50 µs to over two minutes: percentiles are right within 10 %. */
const FIRST_BOUND_MS = 0.05;
const GROWTH = 1.1;
const BUCKETS = 160;

interface Slot {
  second: number;
  count: number;
  sumMs: number;
  readonly buckets: Uint32Array;
}

/** What the window saw. */
export interface LatencySummary {
  readonly count: number;
  /** Null when nothing was seen. */
  readonly averageMs: number | null;
  readonly p99Ms: number | null;
  readonly perSecond: number;
}

/** Latencies of the last five minutes in a histogram of one-second slots. */
export class LatencyWindow {
  readonly #slots: Slot[] = Array.from({ length: WINDOW_SECONDS }, () => ({
    second: -1,
    count: 0,
    sumMs: 0,
    buckets: new Uint32Array(BUCKETS),
  }));
  readonly #elapsedMs: () => number;
  readonly #startedSecond: number;

  /** @param elapsedMs a time that nobody sets. */
  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
    this.#startedSecond = Math.floor(elapsedMs() / 1000);
  }

  /** Takes in one latency. */
  add(latencyMs: number): void {
    const second = Math.floor(this.#elapsedMs() / 1000);
    const slot = this.#slots[second % WINDOW_SECONDS];
    if (!slot) return;
    if (slot.second !== second) {
      slot.second = second;
      slot.count = 0;
      slot.sumMs = 0;
      slot.buckets.fill(0);
    }
    slot.count += 1;
    slot.sumMs += latencyMs;
    const bucket = bucketOf(latencyMs);
    slot.buckets[bucket] = (slot.buckets[bucket] ?? 0) + 1;
  }

  /** Sums up the window. */
  summary(): LatencySummary {
    const second = Math.floor(this.#elapsedMs() / 1000);
    const live = this.#slots.filter((slot) => slot.second > second - WINDOW_SECONDS && slot.second <= second);
    const count = live.reduce((sum, slot) => sum + slot.count, 0);
    const seconds = Math.min(WINDOW_SECONDS, Math.max(1, second - this.#startedSecond));
    if (count === 0) return { count, averageMs: null, p99Ms: null, perSecond: 0 };
    const sumMs = live.reduce((sum, slot) => sum + slot.sumMs, 0);
    return { count, averageMs: sumMs / count, p99Ms: percentile(live, count, 0.99), perSecond: count / seconds };
  }
}

function percentile(slots: readonly Slot[], count: number, share: number): number {
  let left = Math.ceil(count * share);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    for (const slot of slots) left -= slot.buckets[bucket] ?? 0;
    if (left <= 0) return FIRST_BOUND_MS * GROWTH ** bucket;
  }
  return FIRST_BOUND_MS * GROWTH ** (BUCKETS - 1);
}

function bucketOf(latencyMs: number): number {
  if (latencyMs <= FIRST_BOUND_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(latencyMs / FIRST_BOUND_MS) / Math.log(GROWTH)));
}
