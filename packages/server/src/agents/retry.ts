const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 60_000;

/**
 * Pause before an attempt: doubles with each one, and half of it is chance, so that agents which failed together do
 * not come back together ("equal jitter").
 * @param attempt the attempt to come; the first retry is 2.
 * @param random in [0, 1).
 */
export function retryDelayMs(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, attempt - 2));
  return Math.round(full / 2 + (full / 2) * random());
}
