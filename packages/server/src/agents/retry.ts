import type { ModelTier, Profile } from '@orchestration-sidecar/shared';
import { FAILURES, type Failure, type FailureReason } from './launchers/index.ts';

const FIRST_DELAY_MS = 1000;
/** Longest pause before an attempt. */
export const LONGEST_RETRY_DELAY_MS = 60_000;

/**
 * Pause before an attempt: doubles with each one, and half of it is chance, so that agents which failed together do
 * not come back together ("equal jitter").
 * @param attempt the attempt to come; the first retry is 2.
 * @param random in [0, 1).
 */
export function retryDelayMs(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST_RETRY_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, attempt - 2));
  return Math.round(full / 2 + (full / 2) * random());
}

/**
 * Whether another attempt is due after a failure: the table says whether it can help, the profile how often.
 * @param attempt the attempt that failed; 1 is the first.
 */
export function mayRetry(failure: Failure, attempt: number, maxRetries: number): boolean {
  return FAILURES[failure.reason].retryable && attempt <= maxRetries;
}

/** Which condition of a profile’s model routing a failure fulfils. */
const ROUTED: Partial<Record<FailureReason, Profile['model']['fallback_when'][number]>> = {
  rate_limited: 'rate_limited',
  provider_unavailable: 'unavailable',
};

/** Model tier when a condition holds: the profile’s fallback where it names the condition, else the one it would be. */
export function tierWhen(
  condition: Profile['model']['fallback_when'][number],
  model: Profile['model'],
  tier: ModelTier = model.tier,
): ModelTier {
  return model.fallback_when.includes(condition) ? (model.fallback ?? tier) : tier;
}

/** Model tier of the attempt after a failure: the profile’s fallback where its conditions say so, else the same. */
export function tierAfter(failure: Failure, tier: ModelTier, model: Profile['model']): ModelTier {
  const condition = ROUTED[failure.reason];
  return condition === undefined ? tier : tierWhen(condition, model, tier);
}
