import { getHeapStatistics } from 'node:v8';
import { totalmem } from 'node:os';
import { collectGarbage } from '../runtime/collect-garbage.ts';

const BYTES_PER_MB = 1024 * 1024;
/** Share of what the process may use at which it takes no more work, and at which it does again. */
const HIGH = 0.9;
const LOW = 0.85;
/** A collection stops everything meanwhile, so between two of them there are at least so many looks. */
const LOOKS_PER_COLLECTION = 40;

/** Memory of the process, in bytes. */
export interface MemoryReading {
  readonly residentBytes: number;
  /** Objects of the heap, garbage included. */
  readonly heapBytes: number;
  /** What V8 holds: its heap with the room in it, and buffers. */
  readonly managedBytes: number;
}

/** Memory of the process beside what it may use, in bytes. */
export interface MemoryState extends Pick<MemoryReading, 'residentBytes' | 'heapBytes'> {
  readonly maxResidentBytes: number;
  readonly maxHeapBytes: number;
  readonly isHigh: boolean;
}

/** How a {@link MemoryWatch} looks and helps itself; for tests. */
export interface MemoryMeans {
  read(): MemoryReading;
  collect(): void;
}

/**
 * Says when memory is so scarce that work is refused before the process dies of it. Garbage is collected before that is
 * said, and again as long as it is.
 *
 * What was used and freed stays resident where the C library keeps it for what comes next. Resident memory alone would
 * keep a sidecar that was once short of memory so for good; so what V8 has given back since is taken off, as long as
 * the process is no smaller than the bound.
 */
export class MemoryWatch {
  readonly #maxResidentBytes: number;
  readonly #maxHeapBytes: number;
  readonly #means: MemoryMeans;
  /** Memory beside V8’s at the start: code, stacks, the C library’s own. */
  readonly #otherBytes: number;
  /** Most that V8 held since resident memory reached the bound. */
  #peakBytes = 0;
  #looksUntilCollection = 0;
  #isHigh = false;

  /** @param maxMb resident memory that work stops at; null: nine tenths of what the machine or its container has. */
  constructor(maxMb: number | null, means: MemoryMeans = { read: readMemory, collect: collectGarbage }) {
    const constrained = process.constrainedMemory();
    const available = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
    this.#maxResidentBytes = maxMb === null ? HIGH * available : maxMb * BYTES_PER_MB;
    this.#maxHeapBytes = HIGH * getHeapStatistics().heap_size_limit;
    this.#means = means;
    const { residentBytes, managedBytes } = means.read();
    this.#otherBytes = Math.max(0, residentBytes - managedBytes);
  }

  /** Whether memory was scarce at the last look. */
  get isHigh(): boolean {
    return this.#isHigh;
  }

  /** Memory now, and the marks at which work is refused. */
  reading(): MemoryState {
    const { residentBytes, heapBytes } = this.#means.read();
    const marks = { maxResidentBytes: this.#maxResidentBytes, maxHeapBytes: this.#maxHeapBytes };
    return { residentBytes, heapBytes, ...marks, isHigh: this.#isHigh };
  }

  /** Looks; answers whether it has become scarce or plentiful since. */
  look(): boolean {
    const bound = this.#isHigh ? LOW / HIGH : 1;
    let isHigh = this.#share() >= bound;
    if (this.#looksUntilCollection > 0) this.#looksUntilCollection -= 1;
    else if (isHigh) {
      this.#looksUntilCollection = LOOKS_PER_COLLECTION;
      this.#means.collect();
      isHigh = this.#share() >= bound;
    }
    const turned = isHigh !== this.#isHigh;
    this.#isHigh = isHigh;
    return turned;
  }

  /** Share of a bound that is in use, of the one that is nearer. */
  #share(): number {
    const { residentBytes, heapBytes, managedBytes } = this.#means.read();
    const isLarge = residentBytes >= this.#maxResidentBytes;
    this.#peakBytes = isLarge ? Math.max(this.#peakBytes, managedBytes) : managedBytes;
    const keptBytes = Math.min(this.#peakBytes - managedBytes, residentBytes - managedBytes - this.#otherBytes);
    const usedBytes = residentBytes - Math.max(0, keptBytes);
    return Math.max(usedBytes / this.#maxResidentBytes, heapBytes / this.#maxHeapBytes);
  }
}

function readMemory(): MemoryReading {
  const { used_heap_size: heapBytes, total_heap_size: heldBytes, external_memory: bufferBytes } = getHeapStatistics();
  return { residentBytes: process.memoryUsage.rss(), heapBytes, managedBytes: heldBytes + bufferBytes };
}
