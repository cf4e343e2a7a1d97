import type { PackedFiles } from './indexed-files.ts';
import type { ProjectFile } from './project-file.ts';

/** Files that another thread is given at once. */
const FILES_A_PART = 250;
/** Parts it is given at a time, so that it never waits for the next. */
const MAX_PARTS = 2;

/**
 * Reads the files of a tree that is looked at for the first time on another thread, while git is still asked. Whole
 * parts only: fewer files are read sooner than another thread could be started for them.
 */
export class ReadAhead {
  readonly #read: (files: readonly ProjectFile[]) => Promise<PackedFiles>;
  readonly #keep: (files: readonly ProjectFile[], packed: PackedFiles) => void;
  readonly #waiting: ProjectFile[] = [];
  readonly #reading = new Set<readonly ProjectFile[]>();
  readonly #ended = Promise.withResolvers<void>();
  #stopped = false;

  constructor(
    read: (files: readonly ProjectFile[]) => Promise<PackedFiles>,
    keep: (files: readonly ProjectFile[], packed: PackedFiles) => void,
  ) {
    this.#read = read;
    this.#keep = keep;
  }

  /** Reads these as well, after what was added before. */
  add(files: readonly ProjectFile[]): void {
    if (this.#stopped) return;
    this.#waiting.push(...files);
    this.#give();
  }

  /** Whether nothing is being read, or will be. */
  get isOver(): boolean {
    return this.#stopped && this.#reading.size === 0;
  }

  /** Begins nothing more; answers what is being read still, and when that has ended. */
  stop(): { readonly reading: readonly ProjectFile[]; readonly ended: Promise<void> } {
    this.#stopped = true;
    this.#waiting.length = 0;
    if (this.isOver) this.#ended.resolve();
    return { reading: [...this.#reading].flat(), ended: this.#ended.promise };
  }

  #give(): void {
    while (!this.#stopped && this.#waiting.length >= FILES_A_PART && this.#reading.size < MAX_PARTS) {
      void this.#readPart(this.#waiting.splice(0, FILES_A_PART));
    }
  }

  async #readPart(part: readonly ProjectFile[]): Promise<void> {
    this.#reading.add(part);
    // What cannot be read there is read here, later.
    const packed = await this.#read(part).catch(() => null);
    this.#reading.delete(part);
    if (packed === null) this.#stopped = true;
    else this.#keep(part, packed);
    if (this.isOver) this.#ended.resolve();
    this.#give();
  }
}
