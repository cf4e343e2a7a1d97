import { getHeapStatistics } from 'node:v8';
import { totalmem } from 'node:os';

const BYTES_PER_MB = 1024 * 1024;
/** Share of what the process may use at which it takes no more work, and at which it does again. */
const HIGH = 0.9;
const LOW = 0.85;

/** Memory of the process, in bytes. */
export interface MemoryReading {
  readonly residentBytes: number;
  readonly heapBytes: number;
}

/** Memory of the process beside what it may use, in bytes. */
export interface MemoryState extends MemoryReading {
  readonly maxResidentBytes: number;
  readonly maxHeapBytes: number;
  readonly isHigh: boolean;
}

/** Says when memory is so scarce that work is refused before the process dies of it. */
export class MemoryWatch {
  readonly #maxResidentBytes: number;
  readonly #maxHeapBytes: number;
  readonly #read: () => MemoryReading;
  #isHigh = false;

  /** @param maxMb resident memory that work stops at; null: nine tenths of what the machine or its container has. */
  constructor(maxMb: number | null, read: () => MemoryReading = readMemory) {
    const constrained = process.constrainedMemory();
    const available = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
    this.#maxResidentBytes = maxMb === null ? HIGH * available : maxMb * BYTES_PER_MB;
    this.#maxHeapBytes = HIGH * getHeapStatistics().heap_size_limit;
    this.#read = read;
  }

  /** Whether memory was scarce at the last look. */
  get isHigh(): boolean {
    return this.#isHigh;
  }

  /** Memory now, and the marks at which work is refused. */
  reading(): MemoryState {
    const marks = { maxResidentBytes: this.#maxResidentBytes, maxHeapBytes: this.#maxHeapBytes };
    return { ...this.#read(), ...marks, isHigh: this.#isHigh };
  }

  /** Looks; answers whether it has become scarce or plentiful since. */
  look(): boolean {
    const { residentBytes, heapBytes } = this.#read();
    const share = Math.max(residentBytes / this.#maxResidentBytes, heapBytes / this.#maxHeapBytes);
    const isHigh = share >= (this.#isHigh ? LOW / HIGH : 1);
    const turned = isHigh !== this.#isHigh;
    this.#isHigh = isHigh;
    return turned;
  }
}

function readMemory(): MemoryReading {
  return { residentBytes: process.memoryUsage.rss(), heapBytes: getHeapStatistics().used_heap_size };
}
