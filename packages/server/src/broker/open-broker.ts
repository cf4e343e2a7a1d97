import type { Clock } from '../runtime/clock.ts';
import { repeat } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Scope } from '../runtime/scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import { AdmissionQueue } from './admission-queue.ts';
import { Broker, type BrokerNeeds } from './broker.ts';
import { CallerQueues } from './caller-queues.ts';
import { MemoryWatch } from './memory-watch.ts';
import { openOperatorToken } from './operator-token.ts';
import { RateLimits } from './rate-limits.ts';

/**
 * Answers of one caller that are in memory at once; those of all beyond one each; its calls that may wait for that, among
 * them 10,000 long-polls that one event answers; and for how long.
 */
const ANSWERS = { maxRunning: 8, maxFurther: 64, maxWaiting: 16_384, maxWaitMs: 30_000 } as const;
/** Long-polls and subscriptions of one agent; there is no waiting to wait. */
const WAITS = { maxRunning: 2048, maxWaiting: 0, maxWaitMs: 0 } as const;
/** How often memory is looked at. */
const MEMORY_LOOK_MS = 250;

/** What the broker needs. */
export interface OpenBrokerNeeds extends Pick<BrokerNeeds, 'tokens' | 'profiles'> {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** File of the operator’s token. */
  readonly operatorTokenFile: string;
}

/**
 * Opens the broker with its limits as configured.
 * @param scope ends the watch over memory.
 */
export function openBroker(
  { config, clock, ids, logger, tokens, profiles, operatorTokenFile }: OpenBrokerNeeds,
  scope: Scope,
): Broker {
  const memory = new MemoryWatch(config.maxMemoryMb);
  const look = (): void => {
    if (memory.look()) logger.warn({ scarce: memory.isHigh }, 'memory is scarce, or no longer');
  };
  scope.own('memory watch', repeat(clock, MEMORY_LOOK_MS, look), (it) => it.cancel());
  const rateLimits = new RateLimits(
    {
      perAgent: config.rateLimitPerAgent,
      perAgentType: config.rateLimitPerAgentType,
      perProject: config.rateLimitPerProject,
    },
    clock,
  );
  const queue = new AdmissionQueue(
    {
      maxRunning: config.maxConcurrentRequests,
      maxWaiting: config.maxQueuedRequests,
      maxWaitMs: config.maxQueueWaitMs,
    },
    clock,
  );
  const answers = new CallerQueues(ANSWERS, clock);
  const waits = new CallerQueues(WAITS, clock);
  const operatorToken = openOperatorToken(operatorTokenFile, ids, clock.nowMs());
  return new Broker({ tokens, operatorToken, profiles, rateLimits, queue, answers, waits, memory });
}
