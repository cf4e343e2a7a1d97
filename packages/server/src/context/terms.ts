/**
 * Words of a text or path, as numbers. Identifiers are split at case, digit and underscore borders, folded to lower
 * case, stripped of common endings, and hashed; a whole identifier of several words is a term of its own. No string
 * is made on the way, so that a repository is read at the speed of its bytes.
 */
export interface TermSink {
  /** @param kind `word` of an identifier, or the `whole` identifier when it has several words. */
  term(hash: number, kind: TermKind): void;
}

/** What a term stands for. `define`: a whole identifier that follows a word that introduces a definition. */
export type TermKind = 'word' | 'whole' | 'define';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Longest identifier that is read; longer runs are data. */
const MAX_IDENTIFIER = 120;
const MIN_WORD = 2;

const OTHER = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;
const JOINER = 4;

const CLASS = new Uint8Array(256);
const FOLD = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  FOLD[byte] = byte;
  if (byte >= 97 && byte <= 122) CLASS[byte] = LOWER;
  else if (byte >= 65 && byte <= 90) {
    CLASS[byte] = UPPER;
    FOLD[byte] = byte + 32;
  } else if (byte >= 48 && byte <= 57) CLASS[byte] = DIGIT;
  else if (byte === 95) CLASS[byte] = JOINER;
  else if (byte >= 128) CLASS[byte] = LOWER;
}

/** Hash of a word as {@link readTerms} makes it, for looking words up. */
export function termHash(word: string, whole = false): number {
  const bytes = Buffer.from(word.toLowerCase());
  return hashBytes(bytes, 0, whole ? bytes.length : stemmedEnd(bytes, 0, bytes.length), whole);
}

function hashBytes(bytes: Uint8Array, from: number, to: number, whole: boolean): number {
  let hash = whole ? FNV_OFFSET ^ 0x5bd1e995 : FNV_OFFSET;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (whole && CLASS[byte] === JOINER) continue;
    hash = Math.imul(hash ^ (FOLD[byte] ?? 0), FNV_PRIME);
  }
  return hash >>> 0;
}

/** Words that come right before the name that they define, in most languages. */
const DEFINERS = new Set(
  ['def', 'class', 'function', 'func', 'fn', 'struct', 'interface', 'type', 'enum', 'trait', 'module', 'namespace',
    'const', 'impl', 'record', 'protocol', 'object', 'union', 'macro', 'define', 'typedef', 'package', 'sub', 'mod']
    .map((word) => plainHash(word)),
);

function plainHash(word: string): number {
  return hashBytes(Buffer.from(word), 0, word.length, false);
}

/** Reads the terms of `bytes[from…to)` in order. */
export function readTerms(bytes: Uint8Array, from: number, to: number, sink: TermSink): void {
  let at = from;
  let defining = false;
  while (at < to) {
    if (CLASS[bytes[at] ?? 0] === OTHER) {
      at++;
      continue;
    }
    const start = at;
    while (at < to && CLASS[bytes[at] ?? 0] !== OTHER) at++;
    const length = at - start;
    if (length > MAX_IDENTIFIER) {
      defining = false;
      continue;
    }
    const words = readWords(bytes, start, at, sink);
    if (words > 1) sink.term(hashBytes(bytes, start, at, true), 'whole');
    if (defining && length > 2) sink.term(hashBytes(bytes, start, at, true), 'define');
    defining = length <= 9 && DEFINERS.has(hashBytes(bytes, start, at, false));
  }
}

/** Splits one identifier; answers how many words it had. */
function readWords(bytes: Uint8Array, from: number, to: number, sink: TermSink): number {
  let words = 0;
  let start = from;
  for (let at = from; at <= to; at++) {
    const here = at < to ? (CLASS[bytes[at] ?? 0] ?? OTHER) : OTHER;
    const before = at > from ? (CLASS[bytes[at - 1] ?? 0] ?? OTHER) : OTHER;
    const border =
      at === to ||
      here === JOINER ||
      before === JOINER ||
      (here === UPPER && (before === LOWER || before === DIGIT)) ||
      // The last capital of a run begins the next word: HTTPServer is HTTP and Server.
      (here === UPPER && before === UPPER && at + 1 < to && CLASS[bytes[at + 1] ?? 0] === LOWER);
    if (!border || at === start) continue;
    if (CLASS[bytes[start] ?? 0] !== JOINER) {
      words++;
      if (at - start >= MIN_WORD) sink.term(hashBytes(bytes, start, stemmedEnd(bytes, start, at), false), 'word');
    }
    start = at;
  }
  return words;
}

/** End of a word without its common English ending; what remains has three letters or more. */
function stemmedEnd(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  const letter = (back: number): number => FOLD[bytes[end - back] ?? 0] ?? 0;
  if (end - from > 3 && letter(1) === 115 && letter(2) !== 115 && letter(2) !== 117 && letter(2) !== 105) {
    end -= 1;
    // -ies and -y meet in the stem without either.
    if (end - from > 4 && letter(1) === 101 && letter(2) === 105) return end - 2;
    if (end - from > 4 && letter(1) === 101 && isSibilant(letter(2))) return end - 1;
  }
  if (end - from > 5 && letter(1) === 103 && letter(2) === 110 && letter(3) === 105) return undouble(bytes, from, end - 3);
  if (end - from > 4 && letter(1) === 100 && letter(2) === 101) return undouble(bytes, from, end - 2);
  if (end - from > 4 && letter(1) === 101) return end - 1;
  if (end - from > 4 && letter(1) === 121) return end - 1;
  return end;
}

function isSibilant(letter: number): boolean {
  return letter === 115 || letter === 120 || letter === 122 || letter === 104;
}

function undouble(bytes: Uint8Array, from: number, to: number): number {
  const last = FOLD[bytes[to - 1] ?? 0];
  const twice = to - from > 3 && last === FOLD[bytes[to - 2] ?? 0] && last !== 108 && last !== 115;
  return twice ? to - 1 : to;
}
