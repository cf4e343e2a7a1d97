import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Commit } from '@orchestration-sidecar/shared';
import { readCommits, readStatus, type History } from './git-history.ts';
import { readFiles, unpackFiles, type IndexedFile, type PackedFiles } from './indexed-files.ts';
import { disarmed, keepsReferences, locateRepository, type Repository } from './repository.ts';
import type { ProjectFile } from './project-file.ts';
import { ReadAhead } from './read-ahead.ts';
import { scanAgain, scanProject, type Scan } from './scan.ts';
import { TrackedPaths } from './tracked-paths.ts';

/** Reads files on another thread; rejects when that cannot be. */
export type ReadElsewhere = (
  root: string,
  files: readonly Pick<ProjectFile, 'path' | 'size'>[],
  signal: AbortSignal,
) => Promise<PackedFiles>;

/** The project’s tree at one moment, as a look finds it. */
export interface TreeState {
  readonly root: string;
  readonly scan: Scan;
  /** Where the repository stands; null without one. */
  readonly position: Pick<History, 'head' | 'branch'> | null;
  /** Commits before it, which may still be read. */
  readonly commits: Promise<readonly Commit[]>;
  readonly changes: readonly string[];
  /** Whether there is a repository of which git told nothing. */
  readonly withoutGit: boolean;
  /** Names everything an answer may depend on in the tree: equal digests, equal trees. */
  readonly digest: string;
}

/** The project at one moment, with its history. */
export interface ProjectState extends Omit<TreeState, 'position' | 'commits'> {
  readonly history: History | null;
}

/** Waits for the history of a tree; only its digest is needed sooner. */
export async function withHistory({ position, commits, ...tree }: TreeState): Promise<ProjectState> {
  return { ...tree, history: position && { ...position, commits: await commits } };
}

/** Files that are read between two turns of the loop. */
const FILES_A_TURN = 100;
/** Parts that another thread is given at a time, so that it never waits for a turn of this one. */
const PARTS_ELSEWHERE = 3;
/** Fewer files than this are read sooner than another thread could be told of them. */
const MANY_FILES = 100;

/**
 * What one worker knows of one project. Kept between requests: only files whose stamp changed are read again, and the
 * log only when the head moved.
 */
export class ProjectIndex {
  readonly #root: string;
  readonly #files = new Map<string, IndexedFile>();
  readonly #readElsewhere: ReadElsewhere | null;
  readonly #tracked = new TrackedPaths();
  #history: { readonly head: string | null; readonly commits: Promise<readonly Commit[]> } | null = null;
  #ahead: ReadAhead | null = null;

  /** @param readElsewhere shares the reading of many files. */
  constructor(root: string, readElsewhere: ReadElsewhere | null = null) {
    this.#root = root;
    this.#readElsewhere = readElsewhere;
  }

  /**
   * Looks at the tree as it is now. Where git fails, or is left alone, the files are found without it.
   * @param withGit false leaves git alone.
   */
  async look(signal: AbortSignal, withGit = true): Promise<TreeState> {
    // A root that is itself a link is resolved once; below it nothing is followed.
    const root = await realpath(this.#root).catch(() => this.#root);
    const place = await locateRepository(root);
    if (place !== null && withGit) {
      try {
        return await this.#lookAt(root, await disarmed(place, signal), false, signal);
      } catch (cause) {
        signal.throwIfAborted();
        if (!isNotStarted(cause)) throw cause;
      }
    }
    return this.#lookAt(root, null, place !== null, signal);
  }

  /**
   * Looks again at a tree of which nothing but some paths has changed since a state that {@link look} answered. Null when
   * that is not enough to know how it is now: something came or went, or rules have changed.
   */
  async lookAgain(state: TreeState, paths: readonly string[], signal: AbortSignal): Promise<TreeState | null> {
    const { root, position, withoutGit } = state;
    const place = await locateRepository(root);
    if (withoutGit || (place === null) !== (position === null)) return null;
    const scan = scanAgain(root, state.scan, paths);
    if (scan === null) return null;
    if (place === null || position === null) {
      return { ...state, scan, digest: digestOf(scan, position, state.changes, withoutGit) };
    }
    const asked = new Set(paths);
    const edited = scan.files.filter(({ path }) => asked.has(path));
    let changes = (await keepsReferences(place))
      ? this.#tracked.changesAfter(place.gitDir, state.changes, edited)
      : null;
    if (changes === null) {
      const status = await readStatus(root, await disarmed(place, signal), signal, paths);
      if (status === null || status.head !== position.head || status.branch !== position.branch) return null;
      changes = [...state.changes.filter((path) => !asked.has(path)), ...status.changes].toSorted();
    }
    return { ...state, scan, changes, digest: digestOf(scan, position, changes, withoutGit) };
  }

  async #lookAt(
    root: string,
    repository: Repository | null,
    isLeftAlone: boolean,
    signal: AbortSignal,
  ): Promise<TreeState> {
    const status = repository === null ? Promise.resolve(null) : readStatus(root, repository, signal);
    // Begun where none is known before it is known where the repository stands, because starting git takes longer than
    // reading most logs; and after a turn, because it holds this thread up: until then another has files to read.
    const log =
      repository === null || this.#history !== null
        ? null
        : nextTurn().then(() => readCommits(root, repository, 'HEAD', signal));
    log?.catch(() => undefined);
    // Ends with the look: whoever asked may have the answer already, and want no files.
    const ahead = this.#readAhead(root, signal);
    const onStated = ahead === null ? undefined : (files: readonly ProjectFile[]): void => ahead.add(files);
    const [scan, known] = await Promise.all([
      scanProject(root, repository, signal, { status, tracked: this.#tracked, onStated }),
      status,
    ]).finally(() => ahead?.stop());
    const position = known && { head: known.head, branch: known.branch };
    const commits =
      repository === null || position === null
        ? Promise.resolve([])
        : this.#commitsBefore(position.head, log, (head) => readCommits(root, repository, head, signal));
    const changes = known?.changes ?? [];
    const withoutGit = isLeftAlone || (repository !== null && known === null);
    const digest = digestOf(scan, position, changes, withoutGit);
    return { root, scan, position, commits, changes, withoutGit, digest };
  }

  /** Whoever looks at an unknown tree will want its files read. Null where some are known, or come. */
  #readAhead(root: string, signal: AbortSignal): ReadAhead | null {
    const read = this.#readElsewhere;
    if (read === null || this.#ahead?.isOver === false || this.#files.size > 0) return null;
    this.#ahead = new ReadAhead(
      (part) => read(root, part, signal),
      (part, packed) => this.#keep(part, packed, true),
    );
    return this.#ahead;
  }

  /** Brings the index to a state that {@link look} answered. Files of which nothing is shown keep an empty text. */
  async index(state: Pick<TreeState, 'root' | 'scan'>, signal: AbortSignal): Promise<IndexedFile[]> {
    const ahead = this.#ahead?.stop();
    this.#ahead = null;
    const coming = new Map(ahead?.reading.map(({ path, stamp }) => [path, stamp]));
    const stale = this.#staleFiles(state);
    await Promise.all([
      this.#read(
        state.root,
        stale.filter(({ path, stamp }) => coming.get(path) !== stamp),
        signal,
      ),
      ahead?.ended,
    ]);
    if (coming.size > 0) await this.#read(state.root, this.#staleFiles(state), signal);
    const indexed = state.scan.files.flatMap(({ path }) => this.#files.get(path) ?? []);
    if (this.#files.size > indexed.length) {
      const present = new Set(indexed.map(({ path }) => path));
      for (const path of this.#files.keys()) if (!present.has(path)) this.#files.delete(path);
    }
    return indexed;
  }

  #staleFiles(state: Pick<TreeState, 'scan'>): ProjectFile[] {
    return state.scan.files.filter(({ path, stamp }) => this.#files.get(path)?.stamp !== stamp);
  }

  /** `isAhead`: was read before anybody asked, and may come when a later index has read the same files anew. */
  #keep(part: readonly ProjectFile[], packed: PackedFiles, isAhead = false): void {
    for (const file of unpackFiles(part, packed)) {
      if (!isAhead || !this.#files.has(file.path)) this.#files.set(file.path, file);
    }
  }

  /** Reads files in parts, each by whichever thread is free first; one that is slow to answer is not waited for. */
  async #read(root: string, files: readonly ProjectFile[], signal: AbortSignal): Promise<void> {
    let next = 0;
    const given: (readonly ProjectFile[])[] = [];
    const take = (): readonly ProjectFile[] => files.slice(next, (next += FILES_A_TURN));
    const elsewhere = async (): Promise<void> => {
      const read = this.#readElsewhere;
      if (read === null || files.length < MANY_FILES) return;
      for (let part: readonly ProjectFile[]; !signal.aborted && (part = take()).length > 0;) {
        given.push(part);
        const packed = await read(root, part, signal).catch(() => null);
        const place = given.indexOf(part);
        // What it failed at stays for this thread; what this one has read meanwhile is known already.
        if (packed === null || place < 0 || signal.aborted) return;
        given.splice(place, 1);
        this.#keep(part, packed);
      }
    };
    for (let started = 0; started < PARTS_ELSEWHERE; started++) void elsewhere();
    for (;;) {
      // In the end what the other thread would come to last.
      const part = next < files.length ? take() : (given.pop() ?? []);
      if (part.length === 0) return;
      this.#keep(part, readFiles(root, part));
      await nextTurn();
      signal.throwIfAborted();
    }
  }

  /** The log is read again only when the head has moved; `begun` counts where it began at the head. */
  #commitsBefore(
    head: string | null,
    begun: Promise<readonly Commit[]> | null,
    read: (head: string | null) => Promise<readonly Commit[]>,
  ): Promise<readonly Commit[]> {
    if (this.#history?.head === head) return this.#history.commits;
    const known =
      begun === null ? read(head) : begun.then((commits) => (commits[0]?.hash === head ? commits : read(head)));
    const history = { head, commits: known };
    this.#history = history;
    known.catch(() => {
      if (this.#history === history) this.#history = null;
    });
    return known;
  }
}

/** Whether git could not even be started. */
function isNotStarted(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause && String(cause.syscall).startsWith('spawn');
}

/** Characters that are hashed at once: each call costs more than a file’s own. */
const HASHED_CHARS = 32_768;

function digestOf(
  scan: Scan,
  position: TreeState['position'],
  changes: readonly string[],
  withoutGit: boolean,
): string {
  const hash = createHash('sha256');
  let part = '';
  for (const { path, stamp } of scan.files) {
    part += `${path}\0${stamp}\0`;
    if (part.length < HASHED_CHARS) continue;
    hash.update(part);
    part = '';
  }
  hash.update(part).update(`\0${position?.head ?? ''}\0${position?.branch ?? ''}\0${changes.join('\0')}`);
  if (withoutGit) hash.update('\0without git');
  return hash.digest('hex');
}
