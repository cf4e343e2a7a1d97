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
  [
    'def',
    'class',
    'function',
    'func',
    'fn',
    'struct',
    'interface',
    'type',
    'enum',
    'trait',
    'module',
    'namespace',
    'const',
    'impl',
    'record',
    'protocol',
    'object',
    'union',
    'macro',
    'define',
    'typedef',
    'package',
    'sub',
    'mod',
  ].map((word) => plainHash(word)),
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
  const length = to - from;
  if (length < 4) return to;
  const last = FOLD[bytes[to - 1] ?? 0];
  if (last === LETTER.s) return stemPlural(bytes, from, to);
  return length < 5 ? to : stemSingular(bytes, from, to, last);
}

const LETTER = { d: 100, e: 101, g: 103, h: 104, i: 105, l: 108, n: 110, s: 115, u: 117, x: 120, y: 121, z: 122 };

function stemPlural(bytes: Uint8Array, from: number, to: number): number {
  const before = FOLD[bytes[to - 2] ?? 0];
  if (before === LETTER.s || before === LETTER.u || before === LETTER.i) return to;
  if (to - from > 5 && before === LETTER.e) {
    const third = FOLD[bytes[to - 3] ?? 0];
    // -ies and -y meet in the stem without either.
    if (third === LETTER.i) return to - 3;
    if (third === LETTER.s || third === LETTER.x || third === LETTER.z || third === LETTER.h) return to - 2;
  }
  return to - 1 - from < 5 ? to - 1 : stemSingular(bytes, from, to - 1, before);
}

function stemSingular(bytes: Uint8Array, from: number, to: number, last: number | undefined): number {
  if (last === LETTER.e || last === LETTER.y) return to - 1;
  const before = FOLD[bytes[to - 2] ?? 0];
  if (last === LETTER.d && before === LETTER.e) return undouble(bytes, from, to - 2);
  const isParticiple =
    last === LETTER.g && before === LETTER.n && FOLD[bytes[to - 3] ?? 0] === LETTER.i && to - from > 5;
  return isParticiple ? undouble(bytes, from, to - 3) : to;
}

/** `stopp` of `stopped` is `stop`; `call` stays. */
function undouble(bytes: Uint8Array, from: number, to: number): number {
  const last = FOLD[bytes[to - 1] ?? 0];
  const twice = to - from > 3 && last === FOLD[bytes[to - 2] ?? 0] && last !== LETTER.l && last !== LETTER.s;
  return twice ? to - 1 : to;
}
