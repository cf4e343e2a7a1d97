import { systemClock, type Clock } from './clock.ts';

/** Who is told how closing goes. */
export interface ScopeOptions {
  /** Told the name of each part before it closes. */
  readonly onClosing?: ((name: string) => void) | undefined;
  /** Told of a part that is not closed by its deadline, and what it says still holds it. */
  readonly onHeld?: ((name: string, deadlineMs: number, holding: string | undefined) => void) | undefined;
  /** Default: the machine’s clock. */
  readonly clock?: Clock;
}

/** How a part closes, besides by what. */
export interface Closing<T> {
  /** How long it may take before the others close without it. Default 5,000 ms. */
  readonly deadlineMs?: number;
  /** What still holds it, in a few words. */
  readonly holding?: (part: T) => string;
}

interface Part {
  readonly name: string;
  readonly close: () => void | Promise<void>;
  readonly deadlineMs: number;
  readonly holding: () => string | undefined;
}

const DEADLINE_MS = 5000;

/** A part was still open when everything else was closed. */
export class HeldOpenError extends Error {
  override readonly name = 'HeldOpenError';
}

/**
 * What is open, and how each part closes. Parts close in reverse order of opening, each within its deadline; a part
 * that fails to close or does not close in time does not keep the others open; the first failure is thrown at the
 * end. Closing twice is once.
 */
export class Scope {
  readonly #parts: Part[] = [];
  readonly #options: ScopeOptions;
  readonly #clock: Clock;
  readonly #held: string[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: ScopeOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Parts that were left behind at their deadlines so far, each with what held it. */
  get held(): readonly string[] {
    return this.#held;
  }

  /** Takes ownership of an opened part and answers it. */
  own<T>(name: string, part: T, close: (part: T) => void | Promise<void>, closing: Closing<T> = {}): T {
    const { deadlineMs = DEADLINE_MS, holding } = closing;
    this.#parts.push({ name, close: () => close(part), deadlineMs, holding: () => holding?.(part) });
    return part;
  }

  /**
   * Closes everything, last opened first.
   * @throws {HeldOpenError} when a part was not closed by its deadline, and what the first that failed threw.
   */
  close(): Promise<void> {
    this.#closing ??= this.#unwind();
    return this.#closing;
  }

  async #unwind(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
      this.#options.onClosing?.(part.name);
      try {
        await this.#closeInTime(part);
      } catch (cause) {
        failures.push(cause);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #closeInTime({ name, close, holding, deadlineMs }: Part): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#clock.after(deadlineMs, () => {
      const held = holding();
      this.#held.push(held ? `${name}: ${held}` : name);
      this.#options.onHeld?.(name, deadlineMs, held);
      late.reject(new HeldOpenError(`${name} was not closed within ${deadlineMs} ms${held ? `: ${held}` : ''}`));
    });
    try {
      await Promise.race([close(), late.promise]);
    } finally {
      timer.cancel();
    }
  }
}
