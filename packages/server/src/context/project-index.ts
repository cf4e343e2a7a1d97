import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { indexText, INDEX_BYTES, type Posting } from './file-index.ts';
import { fileKind, type FileKind } from './file-kind.ts';
import { readCommits, readStatus, type GitStatus, type History } from './git-history.ts';
import { isBinary, peek } from './read-inside.ts';
import { findRepository, type Repository } from './repository.ts';
import { scanProject, type ProjectFile, type Scan } from './scan.ts';

/** A file of the project with what ranking needs of it. */
export interface IndexedFile extends ProjectFile {
  readonly kind: FileKind;
  readonly pathTerms: Posting;
  /** Terms of the file’s own name without its ending. */
  readonly nameTerms: Posting;
  readonly text: Posting;
  /** Text that says of itself, or by its form, that a program wrote it; found when read. */
  readonly withheld: FileKind['withheld'];
}

/** The project at one moment. */
export interface ProjectState {
  readonly root: string;
  readonly scan: Scan;
  readonly history: History | null;
  readonly changes: readonly string[];
  /** Names everything an answer may depend on in the tree: equal digests, equal trees. */
  readonly digest: string;
}

const NOTHING: Posting = indexText(new Uint8Array());
const BYTES_A_TURN = 4 * 1024 * 1024;

/**
 * What one worker knows of one project. Kept between requests: only files whose stamp changed are read again, and the
 * log only when the head moved.
 */
export class ProjectIndex {
  readonly #root: string;
  readonly #files = new Map<string, IndexedFile>();
  #history: History | null = null;

  constructor(root: string) {
    this.#root = root;
  }

  /** Looks at the tree as it is now. */
  async look(signal: AbortSignal): Promise<ProjectState> {
    // A root that is itself a link is resolved once; below it nothing is followed.
    const root = await realpath(this.#root).catch(() => this.#root);
    const repository = await findRepository(root, signal);
    const status = repository === null ? Promise.resolve(null) : readStatus(root, repository, signal);
    const [scan, known] = await Promise.all([scanProject(root, repository, signal, status), status]);
    const history =
      repository === null || known === null ? null : await this.#readHistory(root, repository, known, signal);
    const changes = known?.changes ?? [];
    return { root, scan, history, changes, digest: digestOf(scan, history, changes) };
  }

  /** Brings the index to a state that {@link look} answered. Files of which nothing is shown keep an empty text. */
  async index(state: ProjectState, signal: AbortSignal): Promise<IndexedFile[]> {
    const indexed: IndexedFile[] = [];
    let bytesThisTurn = 0;
    for (const file of state.scan.files) {
      const known = this.#files.get(file.path);
      if (known?.stamp === file.stamp) {
        indexed.push(known);
        continue;
      }
      if (bytesThisTurn > BYTES_A_TURN) {
        bytesThisTurn = 0;
        await nextTurn();
        signal.throwIfAborted();
      }
      bytesThisTurn += Math.min(file.size, INDEX_BYTES) + 1024;
      const fresh = readIndexed(state.root, file);
      this.#files.set(file.path, fresh);
      indexed.push(fresh);
    }
    if (this.#files.size > indexed.length) {
      const present = new Set(indexed.map(({ path }) => path));
      for (const path of this.#files.keys()) if (!present.has(path)) this.#files.delete(path);
    }
    return indexed;
  }

  /** The log is read again only when the head has moved. */
  async #readHistory(root: string, repository: Repository, status: GitStatus, signal: AbortSignal): Promise<History> {
    const { head, branch } = status;
    const known = this.#history;
    const commits = known?.head === head ? known.commits : await readCommits(root, repository, head, signal);
    this.#history = { head, branch, commits };
    return this.#history;
  }
}

function readIndexed(root: string, file: ProjectFile): IndexedFile {
  const kind = fileKind(file.path);
  const pathTerms = indexText(Buffer.from(file.path));
  const nameTerms = indexText(Buffer.from(file.path.slice(file.path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '')));
  const base = { ...file, kind, pathTerms, nameTerms, text: NOTHING, withheld: kind.withheld };
  if (kind.withheld !== null || file.size === 0) return base;
  const bytes = peek(root, file.path, INDEX_BYTES);
  if (bytes === null) return base;
  if (isBinary(bytes)) return { ...base, withheld: 'binary' };
  const withheld = saysGenerated(bytes) ? 'generated' : null;
  return { ...base, withheld, text: withheld === null ? indexText(bytes) : NOTHING };
}

const HEADER_BYTES = 1024;
const LONG_LINE = 5000;

/** The marks that generators leave at the top, and text without lines, which no person writes. */
function saysGenerated(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, HEADER_BYTES);
  if (
    /@generated\b(?! by hand)|\bCode generated .{0,80}DO NOT EDIT|\bautomatically generated\b.{0,80}do not (?:edit|modify)/is.test(
      head,
    )
  )
    return true;
  return (
    bytes.length > LONG_LINE && !bytes.subarray(0, LONG_LINE).includes(10) && !bytes.subarray(0, LONG_LINE).includes(13)
  );
}

function digestOf(scan: Scan, history: History | null, changes: readonly string[]): string {
  const hash = createHash('sha256');
  for (const { path, stamp } of scan.files) hash.update(`${path}\0${stamp}\0`);
  hash.update(`\0${history?.head ?? ''}\0${history?.branch ?? ''}\0${changes.join('\0')}`);
  return hash.digest('hex');
}
