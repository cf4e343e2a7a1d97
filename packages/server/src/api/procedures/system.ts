import { contract, SidecarError } from '@orchestration-sidecar/shared';
import { isoTime } from '../../runtime/clock.ts';
import { implementPublic, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

const BYTES_PER_MB = 1024 * 1024;
/** A publication that waits this long for its commit is not told in time. */
const SLOW_PUBLICATION_MS = 1000;
const NO_REQUEST = 'no request was answered in the last five minutes';

export function systemProcedures(rooms: Rooms): Implementations<typeof contract.system> {
  const {
    agents,
    breakers,
    broker,
    clock,
    context,
    disk,
    log,
    metrics,
    phase,
    profiles,
    results,
    store,
    subscribers,
    version,
  } = rooms;
  const startedMs = clock.elapsedMs();
  const uptimeSeconds = (): number => Math.floor((clock.elapsedMs() - startedMs) / 1000);
  return {
    health: implementPublic(contract.system.health, async () => {
      const storage = await store.check();
      const reasons = storage.reason === null ? [] : [`storage: ${storage.reason}`];
      const warnings = [store.loss, disk.warning].filter((warning) => warning !== null);
      reasons.push(...warnings.map((warning) => `storage: ${warning}`));
      const room = storage.state === 'healthy' && warnings.length > 0 ? 'degraded' : storage.state;
      const waitedMs = store.oldestWaitMs();
      if (waitedMs > SLOW_PUBLICATION_MS) reasons.push(`event_bus: a publication waits for ${Math.round(waitedMs)} ms`);
      // What cannot be stored is not told, so the bus is at best as well as the store.
      const bus = storage.state === 'healthy' && waitedMs > SLOW_PUBLICATION_MS ? 'degraded' : storage.state;
      return {
        status: bus === 'healthy' ? room : bus,
        service: 'orchestration-sidecar' as const,
        version,
        uptime_seconds: uptimeSeconds(),
        checks: {
          storage: room,
          event_bus: bus,
          memory_usage_mb: round(process.memoryUsage.rss() / BYTES_PER_MB),
          active_agents: agents.liveCount(),
          event_queue_size: store.waitingWrites(),
          storage_latency_ms: storage.latencyMs === null ? null : round(storage.latencyMs),
        },
        reasons,
      };
    }),
    live: implementPublic(contract.system.live, () => ({ alive: true as const, uptime_seconds: uptimeSeconds() })),
    ready: implementPublic(contract.system.ready, async () => {
      const at = phase();
      if (at !== 'ready') throw new SidecarError(at === 'starting' ? 'STARTING' : 'SHUTTING_DOWN');
      const { state, reason } = await store.check();
      if (state !== 'healthy') throw new SidecarError('STORAGE_UNAVAILABLE', reason ?? undefined);
      return { ready: true as const };
    }),
    status: implementPublic(contract.system.status, () => {
      const latency = metrics.latency();
      const load = broker.load();
      return {
        agents: {
          active: agents.liveCount(),
          completed: agents.count(['exited']),
          failed: agents.count(['failed']),
          by_type: agents.activeByType(),
        },
        storage: {
          context_cache_entries: context.stats().entries,
          results_stored: results.count(),
          total_size_mb: round(store.sizeBytes() / BYTES_PER_MB),
        },
        events: {
          total_published: log.publishedCount,
          active_subscriptions: subscribers.liveCount,
          queue_depth: store.waitingWrites(),
        },
        performance: {
          avg_response_time_ms: latency.averageMs === null ? null : round(latency.averageMs),
          p99_response_time_ms: latency.p99Ms === null ? null : round(latency.p99Ms),
          requests_per_second: round(latency.perSecond),
        },
        requests: {
          running: load.running,
          waiting: load.waiting,
          shed_total: load.shed,
          rate_limited_total: load.limited,
        },
        memory: {
          resident_mb: round(load.memory.residentBytes / BYTES_PER_MB),
          heap_mb: round(load.memory.heapBytes / BYTES_PER_MB),
          max_resident_mb: round(load.memory.maxResidentBytes / BYTES_PER_MB),
          max_heap_mb: round(load.memory.maxHeapBytes / BYTES_PER_MB),
          scarce: load.memory.isHigh,
        },
        breakers: breakers.readings().map(({ name, state, failures, sinceMs }) => ({
          name,
          state,
          failures,
          since: isoTime(sinceMs),
        })),
        profiles: {
          agent_types: profiles.list().length,
          workflows: profiles.workflows().length,
          broken_files: new Set(profiles.problems().map(({ file }) => file)).size,
        },
        unknown:
          latency.count > 0
            ? {}
            : { 'performance.avg_response_time_ms': NO_REQUEST, 'performance.p99_response_time_ms': NO_REQUEST },
      };
    }),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
