import { z } from 'zod';
import { Timestamp } from './ids.ts';

const Count = z.number().nonnegative();
const Measured = z.number().nonnegative().nullable();
const CheckState = z.enum(['healthy', 'degraded', 'unhealthy']).meta({ id: 'CheckState' });

/** Answer of `GET /health` (specification endpoint 5). */
export const Health = z
  .object({
    status: CheckState,
    service: z.literal('orchestration-sidecar'),
    version: z.string(),
    uptime_seconds: Count,
    checks: z.object({
      storage: CheckState,
      event_bus: CheckState,
      memory_usage_mb: Count,
      active_agents: Count,
      event_queue_size: Count.describe('Writes waiting to be committed.'),
      storage_latency_ms: Measured.describe(
        'How long a small write through the writer, its commit and a read took; null when it did not end in time.',
      ),
    }),
    reasons: z.array(z.string()).describe('Why a check is not healthy, in words.'),
  })
  .meta({ id: 'Health' });
export type Health = z.infer<typeof Health>;

/** Answer of `GET /health/live`: the process answers. Looks at nothing else. */
export const Liveness = z.object({ alive: z.literal(true), uptime_seconds: Count }).meta({ id: 'Liveness' });
export type Liveness = z.infer<typeof Liveness>;

/** Answer of `GET /health/ready`: calls are served. What keeps it from that is a problem document with 503. */
export const Readiness = z.object({ ready: z.literal(true) }).meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof Readiness>;

/** Answer of `GET /status` (specification endpoint 6). Unknown numbers are null (DECISIONS 29). */
export const Status = z
  .object({
    agents: z.object({
      active: Count,
      completed: Count,
      failed: Count,
      by_type: z.record(z.string(), Count).describe('Active agents by agent type.'),
    }),
    storage: z.object({ context_cache_entries: Count, results_stored: Count, total_size_mb: Count }),
    events: z.object({ total_published: Count, active_subscriptions: Count, queue_depth: Count }),
    performance: z.object({
      avg_response_time_ms: Measured.describe('Over the last five minutes; null without a request.'),
      p99_response_time_ms: Measured,
      requests_per_second: Count,
    }),
    requests: z.object({
      running: Count.describe('Requests that are worked on.'),
      waiting: Count.describe('Requests that wait in the admission queue.'),
      shed_total: Count.describe('Requests refused with `OVERLOADED` since the start.'),
      rate_limited_total: Count.describe('Requests refused with `RATE_LIMITED` since the start.'),
    }),
    memory: z.object({
      resident_mb: Count,
      heap_mb: Count,
      max_resident_mb: Count.describe('Resident memory at which work is refused.'),
      max_heap_mb: Count.describe('JavaScript heap at which work is refused.'),
      scarce: z.boolean().describe('Whether work is refused for memory now.'),
    }),
    breakers: z
      .array(
        z.object({
          name: z
            .string()
            .describe('`git`, `result mirror`, `event mirror`, or `launcher`, which stands for all programs.'),
          state: z.enum(['closed', 'open', 'half_open']),
          failures: Count.describe('Consecutive failures.'),
          since: Timestamp.describe('Since when it is in this state.'),
        }),
      )
      .describe('Circuit breakers that have been used; of several of one name, the worst.'),
    profiles: z.object({
      agent_types: Count,
      workflows: Count,
      broken_files: Count.describe(
        'Files that cannot be taken as they are; of each the last good content is used. `sidecar profiles validate` names them.',
      ),
    }),
    unknown: z
      .record(z.string(), z.string())
      .describe('Why a number is null, by its path: `performance.p99_response_time_ms`.'),
  })
  .meta({ id: 'Status' });
export type Status = z.infer<typeof Status>;
