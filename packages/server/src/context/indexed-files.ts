import { INDEX_BYTES, Indexer, NO_POSTING, unpacked, type PackedPostings, type Posting } from './file-index.ts';
import { fileKind, kindCode, type FileKind } from './file-kind.ts';
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
  const parts = path.split('/');
  const name = (parts.pop() ?? '').replace(/\.[^.]*$/, '');
  return ENTRY.test(name) ? (parts.pop() ?? name) : name;
}

const FOUND = ['text', 'binary', 'generated'] as const;
const NOTHING = new Uint8Array();
const indexer = new Indexer();

/** Reads files for ranking. Of those that are withheld, empty or gone the text stays empty. */
export function readFiles(root: string, files: readonly Pick<ProjectFile, 'path' | 'size'>[]): PackedFiles {
  const codes = new Uint32Array(files.length);
  const found = new Uint8Array(files.length);
  for (const [index, { path, size }] of files.entries()) {
    const code = (codes[index] = kindCode(path));
    indexer.add(Buffer.from(path));
    indexer.add(Buffer.from(ownName(path)));
    const wanted = size > 0 && fileKind(path, code).withheld === null;
    const bytes = (wanted ? peek(root, path, INDEX_BYTES, size) : null) ?? NOTHING;
    const what = isBinary(bytes) ? 'binary' : saysGenerated(bytes) ? 'generated' : 'text';
    found[index] = FOUND.indexOf(what);
    indexer.add(what === 'text' ? bytes : NOTHING);
  }
  return { ...indexer.take(), codes, found };
}

/** Joins files with what {@link readFiles} answered for them. */
export function unpackFiles(files: readonly ProjectFile[], packed: PackedFiles): IndexedFile[] {
  const postings = unpacked(packed);
  return files.map((file, index) => {
    const kind = fileKind(file.path, packed.codes[index]);
    const [pathTerms = NO_POSTING, nameTerms = NO_POSTING, text = NO_POSTING] = postings.slice(
      index * 3,
      index * 3 + 3,
    );
    const found = FOUND[packed.found[index] ?? 0] ?? 'text';
    return { ...file, kind, pathTerms, nameTerms, text, withheld: kind.withheld ?? (found === 'text' ? null : found) };
  });
}

const HEADER_BYTES = 1024;
const LONG_LINE = 5000;

/** The marks that generators leave at the top, and text without lines, which no person writes. */
function saysGenerated(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, HEADER_BYTES);
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
