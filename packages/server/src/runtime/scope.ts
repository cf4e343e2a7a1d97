/**
 * What is open, and how each part closes. Parts close in reverse order of opening; a part that fails to close does
 * not keep the others open; the first failure is thrown at the end. Closing twice is once.
 */
export class Scope {
  readonly #parts: { name: string; close: () => void | Promise<void> }[] = [];
  readonly #onClosing: (name: string) => void;
  #closing: Promise<void> | undefined;

  /** @param onClosing told the name of each part before it closes, so that a hanging one can be named. */
  constructor(onClosing: (name: string) => void = () => {}) {
    this.#onClosing = onClosing;
  }

  /** Takes ownership of an opened part and answers it. */
  own<T>(name: string, part: T, close: (part: T) => void | Promise<void>): T {
    this.#parts.push({ name, close: () => close(part) });
    return part;
  }

  /** Closes everything, last opened first. */
  close(): Promise<void> {
    this.#closing ??= this.#unwind();
    return this.#closing;
  }

  async #unwind(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
      this.#onClosing(part.name);
      try {
        await part.close();
      } catch (cause) {
        failures.push(cause);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
