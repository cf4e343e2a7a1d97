import { INDEX_BYTES, Indexer, NO_POSTING, unpacked, type PackedPostings, type Posting } from './file-index.ts';
import { fileKind, kindCode, withheldIn, type FileKind } from './file-kind.ts';
import { isBinary, peek } from './read-inside.ts';
import type { ProjectFile } from './project-file.ts';

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

/** What was read of some files, in a form that moves between threads: of each its path’s, name’s and text’s posting. */
export interface PackedFiles extends PackedPostings {
  /** Of each file what its path tells. */
  readonly codes: Uint32Array<ArrayBuffer>;
  /** Of each file what its text tells, as a place in {@link FOUND}. */
  readonly found: Uint8Array<ArrayBuffer>;
}

/** Names of files that stand for the directory they are in. */
const ENTRY = /^(?:index|mod|__init__|main|init|__main__)$/i;

/** Name of a file without its ending; of one that stands for its directory, that one’s. */
export function ownName(path: string): string {
  const slash = path.lastIndexOf('/');
  const dot = path.lastIndexOf('.');
  const name = path.slice(slash + 1, dot > slash ? dot : path.length);
  return slash > 0 && ENTRY.test(name) ? path.slice(path.lastIndexOf('/', slash - 1) + 1, slash) : name;
}

const FOUND = ['text', 'binary', 'generated'] as const;
const NOTHING = Buffer.alloc(0);
const indexer = new Indexer();

/** Reads files for ranking. Of those that are withheld, empty or gone the text stays empty. */
export function readFiles(root: string, files: readonly Pick<ProjectFile, 'path' | 'size'>[]): PackedFiles {
  const codes = new Uint32Array(files.length);
  const found = new Uint8Array(files.length);
  let place = 0;
  for (const { path, size } of files) {
    const code = (codes[place] = kindCode(path));
    indexer.addShort(path);
    indexer.addShort(ownName(path));
    const wanted = size > 0 && withheldIn(code) === null;
    const bytes = (wanted ? peek(root, path, INDEX_BYTES, size) : null) ?? NOTHING;
    const what = isBinary(bytes) ? 'binary' : saysGenerated(bytes) ? 'generated' : 'text';
    found[place++] = FOUND.indexOf(what);
    indexer.add(what === 'text' ? bytes : NOTHING);
  }
  return { ...indexer.take(), codes, found };
}

/** Joins files with what {@link readFiles} answered for them. */
export function unpackFiles(files: readonly ProjectFile[], packed: PackedFiles): IndexedFile[] {
  const postings = unpacked(packed);
  return files.map(({ path, size, mtimeMs, stamp }, index) => {
    const kind = fileKind(path, packed.codes[index]);
    const pathTerms = postings[index * 3] ?? NO_POSTING;
    const nameTerms = postings[index * 3 + 1] ?? NO_POSTING;
    const text = postings[index * 3 + 2] ?? NO_POSTING;
    const found = FOUND[packed.found[index] ?? 0] ?? 'text';
    const withheld = kind.withheld ?? (found === 'text' ? null : found);
    return { path, size, mtimeMs, stamp, kind, pathTerms, nameTerms, text, withheld };
  });
}

const HEADER_BYTES = 1024;
const LONG_LINE = 5000;
/** What every mark holds: one word is looked for sooner than three marks. */
const MAY_BE_MARKED = /generated/i;
const MARK =
  /@generated\b(?! by hand)|\bCode generated .{0,80}DO NOT EDIT|\bautomatically generated\b.{0,80}do not (?:edit|modify)/is;

/** The marks that generators leave at the top, and text without lines, which no person writes. */
function saysGenerated(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, HEADER_BYTES);
  if (MAY_BE_MARKED.test(head) && MARK.test(head)) return true;
  return bytes.length > LONG_LINE && !beginsWithin(bytes, 10) && !beginsWithin(bytes, 13);
}

function beginsWithin(bytes: Buffer, byte: number): boolean {
  const at = bytes.indexOf(byte);
  return at >= 0 && at < LONG_LINE;
}
