/** Runs `inFlight` loops of a call for a time; answers how often it was done per second. */
export async function rateOf(
  inFlight: number,
  seconds: number,
  call: (loop: number) => Promise<unknown>,
): Promise<number> {
  // As long before that, so that what is measured has been compiled: a path is twice as fast after 20,000 calls.
  await loops(inFlight, seconds, call);
  const startMs = performance.now();
  const done = await loops(inFlight, seconds, call);
  return (done * 1000) / (performance.now() - startMs);
}

async function loops(inFlight: number, seconds: number, call: (loop: number) => Promise<unknown>): Promise<number> {
  let done = 0;
  const untilMs = performance.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: inFlight }, async (_, loop) => {
      while (performance.now() < untilMs) {
        await call(loop);
        done += 1;
      }
    }),
  );
  return done;
}

/** A quantile of some numbers. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
