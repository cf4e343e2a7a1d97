import { AgentState, LIVE_AGENT_STATES, SIDECAR_PUBLISHER } from '@orchestration-sidecar/shared';
import type { Agents } from './agents/index.ts';
import type { Broker } from './broker/index.ts';
import type { ContextInjector } from './context/index.ts';
import type { ConsumerRegistry, DeadLetters, EventLog, Subscribers } from './events/index.ts';
import type { DiskQuota } from './maintenance/index.ts';
import type { Database } from './storage/database.ts';
import type { CommitReport, Writer } from './storage/writer.ts';
import type { CircuitBreakers } from './runtime/circuit-breakers.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Tracer } from './telemetry/tracer.ts';
import type { Engine } from './workflow/index.ts';

/** What is read of the rooms when somebody asks for the metrics. */
export interface ObservedRooms {
  readonly agents: Agents;
  readonly breakers: CircuitBreakers;
  readonly broker: Broker;
  readonly context: ContextInjector;
  readonly database: Database;
  readonly deadLetters: DeadLetters;
  readonly disk: DiskQuota;
  readonly engine: Engine;
  readonly log: EventLog;
  readonly registry: ConsumerRegistry;
  readonly subscribers: Subscribers;
  readonly tracer: Tracer;
  readonly writer: Writer;
  readonly connections: () => number;
  readonly version: string;
}

/** Events of an agent’s life that are counted, by the outcome they tell of. */
const SPAWN_OUTCOMES: Readonly<Record<string, string>> = {
  agent_queued: 'queued',
  agent_spawned: 'started',
  agent_completed: 'completed',
  agent_failed: 'failed',
  agent_stopped: 'stopped',
  agent_escalated: 'given_up',
};

/** Jobs of one transaction; the largest is the writer’s own bound. */
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Metrics of the writer, which is opened before the other rooms: answers what takes in a transaction. */
export function observeCommits(metrics: Metrics, tracer: Tracer): (report: CommitReport) => void {
  const wait = metrics.times(
    'sidecar_write_queue_wait_seconds',
    'Time that a write waited before its transaction began.',
  );
  const duration = metrics.times('sidecar_commit_duration_seconds', 'Time of one transaction, until it was on disk.');
  const jobs = metrics.sizes('sidecar_commit_jobs', 'Writes that were committed together.', BATCH_SIZES);
  const failures = metrics.count('sidecar_commit_failures_total', 'Transactions that the disk refused.', []);
  return (report) => {
    const { waitsMs, durationMs, committed } = report;
    if (tracer.isOn) recordCommit(report, tracer);
    if (!committed) return failures({});
    for (const waitMs of waitsMs) wait(waitMs);
    duration(durationMs);
    jobs(waitsMs.length);
  };
}

/** A transaction serves many callers: it is part of the first one’s trace, and linked to those of the others. */
function recordCommit({ calls, startedMs, durationMs, committed }: CommitReport, tracer: Tracer): void {
  const [parent, ...links] = calls.flatMap((call) => (call?.trace?.sampled ? [call.trace] : []));
  if (!parent) return;
  const startMs = performance.timeOrigin + startedMs;
  tracer.record({
    name: 'commit',
    parent,
    links: links.slice(0, MAX_LINKS),
    startMs,
    endMs: startMs + durationMs,
    error: committed ? undefined : 'STORAGE_UNAVAILABLE',
    attributes: { 'db.system.name': 'sqlite', 'sidecar.commit.jobs': calls.length },
  });
}

/** What a span may carry of them by default (OpenTelemetry, “Span Limits”). */
const MAX_LINKS = 128;

/** Shows the names of the specification ("Metrics (Prometheus)") and what an operator needs besides. */
export function observeRooms(metrics: Metrics, rooms: ObservedRooms): void {
  const { agents, context, database, deadLetters, engine, log, registry, subscribers, writer } = rooms;
  const gauge = (name: string, help: string, read: () => number | undefined): void =>
    metrics.expose({ name, help, kind: 'gauge', read });
  const counter = (name: string, help: string, read: () => number): void =>
    metrics.expose({ name, help, kind: 'counter', read });

  gauge('sidecar_active_agents', 'Agents that hold a slot or wait for one.', () => agents.count(LIVE_AGENT_STATES));
  gauge('sidecar_storage_bytes', 'Bytes of the database.', () => database.sizeBytes());
  counter('sidecar_events_published_total', 'Events published since the start.', () => log.publishedCount);
  counter('sidecar_cache_hits_total', 'Contexts answered from the cache.', () => context.stats().hits);
  counter('sidecar_cache_misses_total', 'Contexts that had to be gathered.', () => context.stats().misses);

  gauge('sidecar_write_queue_jobs', 'Writes that wait for their commit.', () => writer.depth);
  gauge('sidecar_write_queue_oldest_seconds', 'Age of the write that waits longest.', () => writer.oldestWaitMs / 1000);
  gauge('sidecar_wal_bytes', 'Bytes of the write-ahead log.', () => database.walBytes());
  gauge('sidecar_context_cache_bytes', 'Bytes of the contexts kept in memory.', () => context.stats().bytes);
  gauge('sidecar_context_cache_contexts', 'Contexts kept in memory.', () => context.stats().entries);
  gauge(
    'sidecar_data_directory_bytes',
    'Bytes of the data directory at the last look; without a quota nobody looks.',
    () => rooms.disk.reading.usedBytes ?? undefined,
  );
  gauge(
    'sidecar_disk_quota_bytes',
    'Bytes that the data directory may take, where a quota is set.',
    () => rooms.disk.reading.quotaBytes ?? undefined,
  );
  gauge('sidecar_store_free_bytes', 'Bytes of the database that nothing uses.', () => database.freeBytes());
  gauge('sidecar_live_subscriptions', 'Subscriptions that are connected.', () => subscribers.liveCount);
  gauge('sidecar_websocket_connections', 'Open WebSockets.', rooms.connections);
  gauge('sidecar_dead_letters', 'Events laid aside because a consumer could not take them.', () => deadLetters.count());
  metrics.expose({
    name: 'sidecar_agents',
    help: 'Agents on record by state.',
    kind: 'gauge',
    label: 'state',
    read: () => Object.fromEntries(AgentState.options.map((state) => [state, agents.count([state])])),
  });
  metrics.expose({
    name: 'sidecar_follower_lag_events',
    help: 'Events that the follower furthest behind has still to look at, by kind of follower.',
    kind: 'gauge',
    label: 'follower',
    read: () => ({
      durable_consumer: registry.furthestBehind((projectId) => log.head(projectId)),
      workflow_engine: engine.furthestBehind((projectId) => log.head(projectId)),
    }),
  });
  metrics.expose({
    name: 'sidecar_build_info',
    help: 'Always 1; the label tells the version.',
    kind: 'gauge',
    label: 'version',
    read: () => ({ [rooms.version]: 1 }),
  });

  metrics.expose({
    name: 'sidecar_circuit_breakers_open',
    help: 'Circuit breakers that let no call through, or only a probe, by what they are around.',
    kind: 'gauge',
    label: 'around',
    read: () => rooms.breakers.openByKind(),
  });
  gauge('sidecar_requests_running', 'Requests that are worked on.', () => rooms.broker.load().running);
  gauge('sidecar_requests_waiting', 'Requests that wait to be let in.', () => rooms.broker.load().waiting);
  counter('sidecar_requests_shed_total', 'Requests refused for too much to do.', () => rooms.broker.load().shed);
  counter(
    'sidecar_requests_limited_total',
    'Requests refused for coming too often.',
    () => rooms.broker.load().limited,
  );

  metrics.expose({
    name: 'sidecar_trace_spans_total',
    help: 'Spans by what became of them: exported, failed (the collector did not take them), dropped (too many waited).',
    kind: 'counter',
    label: 'outcome',
    read: () => ({ ...rooms.tracer.counts() }),
  });

  const spawns = metrics.count('sidecar_spawns_total', 'What became of agents, as the log tells it.', ['outcome']);
  log.onCommit((_projectId, entries) => {
    for (const { event } of entries) {
      if (event.topic !== 'coordination' || event.publisher !== SIDECAR_PUBLISHER) continue;
      const outcome = SPAWN_OUTCOMES[event.event_type];
      if (outcome !== undefined) spawns({ outcome });
    }
  });
}
