import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { LatencyWindow, type LatencySummary } from './latency-window.ts';

/** A number that is read when someone asks for it; with a label, one number for each of the label’s values. */
export interface Reading {
  readonly name: string;
  readonly help: string;
  /** A counter’s name ends in `_total`, a gauge’s does not. */
  readonly kind: 'counter' | 'gauge';
  /** Name of the label; its values must come from a closed list, or the number of series has no bound. */
  readonly label?: string;
  /** Undefined: not known now, and left out. */
  read(): number | Readonly<Record<string, number>> | undefined;
}

/** Seconds from a tenth of a millisecond to ten seconds. */
const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** What procedures are counted as that the contract does not have: a caller chooses these names. */
export const UNKNOWN_PROCEDURE = 'unknown';
/** prom-client’s own that break the naming rules (gauges called `_total`) or say what a labelled one says better. */
const LEFT_OUT = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Counts and times of the sidecar, for Prometheus and for `/status`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'procedure' | 'code'>;
  readonly #duration: Histogram<'procedure'>;
  readonly #window: LatencyWindow;

  /** @param elapsedMs a time that nobody sets. */
  constructor(elapsedMs: () => number) {
    this.#window = new LatencyWindow(elapsedMs);
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: 'sidecar_requests_total',
      help: 'Requests by procedure and error code (OK when answered).',
      labelNames: ['procedure', 'code'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'sidecar_request_duration_seconds',
      help: 'Time to answer a request; those that wait for events are not in it.',
      labelNames: ['procedure'],
      buckets: SECONDS,
      registers,
    });
    collectDefaultMetrics({ register: this.#registry });
    for (const name of LEFT_OUT) this.#registry.removeSingleMetric(name);
  }

  /** Shows a reading. */
  expose(reading: Reading): void {
    const { name, help, label } = reading;
    const options = { name, help, labelNames: label === undefined ? [] : [label], registers: [this.#registry] };
    if (reading.kind === 'counter') {
      // oxlint-disable-next-line no-new -- the registry keeps it
      new Counter({
        ...options,
        collect() {
          this.reset();
          for (const [labels, value] of valuesOf(reading)) this.inc(labels, value);
        },
      });
    } else {
      // oxlint-disable-next-line no-new -- the registry keeps it
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const [labels, value] of valuesOf(reading)) this.set(labels, value);
        },
      });
    }
  }

  /** A histogram of times; answers what takes one in, in milliseconds. */
  times(name: string, help: string): (ms: number) => void {
    const histogram = new Histogram({ name, help, buckets: SECONDS, registers: [this.#registry] });
    return (ms) => histogram.observe(ms / 1000);
  }

  /** A histogram of times by one label with a closed list of values. */
  timesBy(name: string, help: string, label: string): (value: string, ms: number) => void {
    const labelNames = [label];
    const histogram = new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.#registry] });
    return (value, ms) => histogram.observe({ [label]: value }, ms / 1000);
  }

  /** A histogram of sizes; answers what takes one in. */
  sizes(name: string, help: string, buckets: readonly number[]): (size: number) => void {
    const histogram = new Histogram({ name, help, buckets: [...buckets], registers: [this.#registry] });
    return (size) => histogram.observe(size);
  }

  /** A counter by labels, each with a closed list of values; answers what adds to it. */
  count<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
  ): (labels: Partial<Record<Label, string>>) => void {
    const counter = new Counter<Label>({ name, help, labelNames, registers: [this.#registry] });
    return (labels) => counter.inc(labels);
  }

  /**
   * Takes in one answered request. Waiting procedures count as requests but not into the latency window: how long
   * nothing happened is not how slow the sidecar is.
   * @param procedure of the contract, or {@link UNKNOWN_PROCEDURE}.
   */
  observeRequest(procedure: string, code: string, latencyMs: number): void {
    this.#requests.inc({ procedure, code });
    if (procedure === 'events.wait') return;
    this.#duration.observe({ procedure }, latencyMs / 1000);
    this.#window.add(latencyMs);
  }

  /** Latency over the last five minutes. */
  latency(): LatencySummary {
    return this.#window.summary();
  }

  /** All metrics in the Prometheus text format, with its content type. */
  async render(): Promise<{ text: string; contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }
}

function valuesOf({ label, ...reading }: Reading): [labels: Record<string, string>, value: number][] {
  const value = reading.read();
  if (value === undefined) return [];
  if (typeof value === 'number') return [[{}, value]];
  return Object.entries(value).map(([name, each]) => [label === undefined ? {} : { [label]: name }, each]);
}
