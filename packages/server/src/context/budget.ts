/** What may still be spent, in bytes of JSON and, where they are counted, in tokens. */
export interface Room {
  readonly bytes: number;
  /** Whether a value fits, as it will stand in the answer’s JSON. */
  holds(value: unknown): boolean;
}

/** Size of a value as JSON in UTF-8. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}

interface Measured {
  readonly value: unknown;
  readonly bytes: number;
  readonly tokens: () => number;
}

function measure(value: unknown, countTokens: ((text: string) => number) | null): Measured {
  const text = JSON.stringify(value) ?? '';
  return { value, bytes: Buffer.byteLength(text), tokens: () => (countTokens === null ? 0 : countTokens(text)) };
}

/** Spends a bound of bytes, and one of tokens where there is one, part by part. */
export class Budget {
  readonly #maxBytes: number;
  readonly #countTokens: ((text: string) => number) | null;
  readonly #maxTokens: number;
  #bytes: number;
  #tokens: number;
  #measured: Measured | null = null;

  constructor(
    bounds: { readonly maxBytes: number; readonly maxTokens?: number | undefined },
    countTokens: ((text: string) => number) | null,
  ) {
    this.#countTokens = bounds.maxTokens === undefined ? null : countTokens;
    this.#maxBytes = this.#bytes = bounds.maxBytes;
    this.#maxTokens = this.#tokens = bounds.maxTokens ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the cost of a value off, and a comma’s. */
  spend(value: unknown): void {
    const known = this.#measured;
    const measured = known !== null && known.value === value ? known : measure(value, this.#countTokens);
    this.#bytes -= measured.bytes + 1;
    this.#tokens -= measured.tokens() + 1;
  }

  /** Longest beginning of a text that fits; its cost is taken off. */
  clip(text: string): string {
    let kept = text;
    const room = this.part(1);
    if (!room.holds(text)) {
      let low = 0;
      let high = text.length;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (room.holds(text.slice(0, middle))) low = middle;
        else high = middle - 1;
      }
      kept = text.slice(0, low).toWellFormed();
    }
    if (kept !== '') this.spend(kept);
    return kept;
  }

  /** Moves items into a list while they fit into a share of the whole bound; answers whether some did not. */
  takeList<T>(items: readonly T[], share: number, into: T[]): boolean {
    let bytes = Math.min(this.#bytes, Math.floor(this.#maxBytes * share));
    let tokens = Math.min(this.#tokens, Math.floor(this.#maxTokens * share));
    for (const item of items) {
      const text = JSON.stringify(item) ?? '';
      const [cost, tokenCost] = [Buffer.byteLength(text) + 1, this.#countTokens ? this.#countTokens(text) + 1 : 0];
      if (cost > bytes || tokenCost > tokens) return true;
      into.push(item);
      bytes -= cost;
      this.#bytes -= cost;
      tokens -= tokenCost;
      this.#tokens -= tokenCost;
    }
    return false;
  }

  /** A share of what is left. */
  part(share: number): Room {
    const bytes = Math.floor(this.#bytes * share) - 1;
    const tokens = Math.floor(this.#tokens * share) - 1;
    const countTokens = this.#countTokens;
    return {
      bytes: Math.min(bytes, tokens * 2),
      holds: (value) => {
        const measured = measure(value, countTokens);
        // What fits is spent next: measuring a large file twice would cost as much as reading it.
        this.#measured = measured;
        // A token is a byte at least, so that many need no counting.
        return measured.bytes <= bytes && (measured.bytes <= tokens || measured.tokens() <= tokens);
      },
    };
  }

  /** Sets a share of the whole bound aside until {@link Budget.release}. */
  reserve(share: number): { readonly bytes: number; readonly tokens: number } {
    const kept = {
      bytes: Math.max(0, Math.min(this.#bytes, Math.floor(this.#maxBytes * share))),
      tokens: this.#countTokens ? Math.max(0, Math.min(this.#tokens, Math.floor(this.#maxTokens * share))) : 0,
    };
    this.#bytes -= kept.bytes;
    this.#tokens -= kept.tokens;
    return kept;
  }

  release({ bytes, tokens }: { readonly bytes: number; readonly tokens: number }): void {
    this.#bytes += bytes;
    this.#tokens += tokens;
  }
}
