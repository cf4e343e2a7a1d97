/** First and longest upper bound of a delay, in milliseconds. */
const FIRST_MS = 200;
const LONGEST_MS = 10_000;

/**
 * Delay before trying again, in milliseconds: anywhere below a bound that doubles with each attempt ("full jitter"), so
 * that many clients that lost the same sidecar do not come back in step.
 * @param attempt - Attempts that failed before, from 0.
 * @param random - Answers a number from 0 up to but not including 1.
 */
export function backOffMs(attempt: number, random: () => number): number {
  return Math.round(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16)));
}
