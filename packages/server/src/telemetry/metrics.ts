import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { LatencyWindow, type LatencySummary } from './latency-window.ts';

/** Numbers that are read when someone asks for them. */
export interface Readings {
  activeAgents(): number;
  eventsPublished(): number;
  cacheHits(): number;
  cacheMisses(): number;
  storageBytes(): number;
}

/** Counts and times of the sidecar, for Prometheus and for `/status`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'procedure' | 'code'>;
  readonly #duration: Histogram<'procedure'>;
  readonly #window: LatencyWindow;

  constructor(nowMs: () => number) {
    this.#window = new LatencyWindow(nowMs);
    this.#requests = new Counter({
      name: 'sidecar_requests_total',
      help: 'Requests by procedure and error code (OK when answered).',
      labelNames: ['procedure', 'code'],
      registers: [this.#registry],
    });
    this.#duration = new Histogram({
      name: 'sidecar_request_duration_seconds',
      help: 'Time to answer a request.',
      labelNames: ['procedure'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [this.#registry],
    });
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Shows readings under the names of the specification ("Metrics (Prometheus)"). */
  expose(readings: Readings): void {
    for (const reading of [
      gauge('sidecar_active_agents', 'Agents that hold a slot.', () => readings.activeAgents()),
      gauge('sidecar_storage_bytes', 'Bytes of the store on disk.', () => readings.storageBytes()),
      count('sidecar_events_published_total', 'Events published since the start.', () => readings.eventsPublished()),
      count('sidecar_cache_hits_total', 'Contexts answered from the cache.', () => readings.cacheHits()),
      count('sidecar_cache_misses_total', 'Contexts that had to be gathered.', () => readings.cacheMisses()),
    ]) {
      this.#registry.registerMetric(reading);
    }
  }

  /**
   * Takes in one answered request. Waiting procedures count as requests but not into the latency window: how long
   * nothing happened is not how slow the sidecar is.
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

function gauge(name: string, help: string, read: () => number): Gauge {
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
}

function count(name: string, help: string, read: () => number): Counter {
  return new Counter({
    name,
    help,
    registers: [],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
