import { contract, LIVE_AGENT_STATES } from '@orchestration-sidecar/shared';
import { implementPublic, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

const BYTES_PER_MB = 1024 * 1024;

export function systemProcedures(rooms: Rooms): Implementations<typeof contract.system> {
  const { agents, clock, context, log, metrics, results, store, subscribers, version } = rooms;
  const startedAtMs = clock.nowMs();
  return {
    health: implementPublic(contract.system.health, () => {
      const storage = store.isReadable() ? ('healthy' as const) : ('unhealthy' as const);
      return {
        status: storage,
        service: 'orchestration-sidecar' as const,
        version,
        uptime_seconds: Math.floor((clock.nowMs() - startedAtMs) / 1000),
        checks: {
          storage,
          event_bus: storage,
          memory_usage_mb: round(process.memoryUsage.rss() / BYTES_PER_MB),
          active_agents: agents.count(LIVE_AGENT_STATES),
          event_queue_size: store.waitingWrites(),
        },
      };
    }),
    status: implementPublic(contract.system.status, () => {
      const latency = metrics.latency();
      return {
        agents: {
          active: agents.count(LIVE_AGENT_STATES),
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
      };
    }),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
