import type { Clock, Timer } from './clock.ts';

/** A clock that stands still until it is moved. For tests; the only thing in the house that is faked. */
export class FakeClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly call: () => void }>();

  constructor(nowMs = Date.parse('2026-01-01T00:00:00Z')) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, call: () => void): Timer {
    const timer = { dueMs: this.#elapsedMs + delayMs, call };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Pending calls. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, calling what falls due in its order. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs);
      if (!next) break;
      this.#timers.delete(next);
      this.#pass(Math.max(0, next.dueMs - this.#elapsedMs));
      next.call();
    }
    this.#pass(untilMs - this.#elapsedMs);
  }

  /** Sets it forth, or back with a negative number, as somebody does who corrects a clock: no time passes. */
  set(byMs: number): void {
    this.#nowMs += byMs;
  }

  #pass(ms: number): void {
    this.#nowMs += ms;
    this.#elapsedMs += ms;
  }
}
