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
  let hash = FNV_OFFSET;
  if (whole) {
    hash ^= 0x5bd1e995;
    for (let at = from; at < to; at++) {
      const byte = bytes[at] ?? 0;
      if (CLASS[byte] !== JOINER) hash = Math.imul(hash ^ (FOLD[byte] ?? 0), FNV_PRIME);
    }
  } else {
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (FOLD[bytes[at] ?? 0] ?? 0), FNV_PRIME);
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

/** Bits of the hashes of {@link DEFINERS}, so that nearly every word is told apart without a look into the set. */
const MAY_DEFINE = new Uint8Array(1024);
for (const hash of DEFINERS) MAY_DEFINE[hash & 1023] = 1;
const LONGEST_DEFINER = 9;

const SPLITTING = (1 << UPPER) | (1 << JOINER);

/** Reads the terms of `bytes[from…to)` in order. */
export function readTerms(bytes: Uint8Array, from: number, to: number, sink: TermSink): void {
  let at = from;
  let defining = false;
  while (at < to) {
    const first = CLASS[bytes[at] ?? 0] ?? OTHER;
    if (first === OTHER) {
      at++;
      continue;
    }
    const start = at++;
    let seen = first === JOINER ? SPLITTING : 0;
    let hash = Math.imul(FNV_OFFSET ^ (FOLD[bytes[start] ?? 0] ?? 0), FNV_PRIME);
    for (; at < to; at++) {
      const byte = bytes[at] ?? 0;
      const kind = CLASS[byte] ?? OTHER;
      if (kind === OTHER) break;
      seen |= 1 << kind;
      hash = Math.imul(hash ^ (FOLD[byte] ?? 0), FNV_PRIME);
    }
    const length = at - start;
    if (length > MAX_IDENTIFIER) {
      defining = false;
      continue;
    }
    if ((seen & SPLITTING) !== 0) {
      readWords(bytes, start, at, sink);
    } else if (length >= MIN_WORD) {
      const end = stemmedEnd(bytes, start, at);
      sink.term(end === at ? hash >>> 0 : hashBytes(bytes, start, end, false), 'word');
    }
    if (defining && length > 2) sink.term(hashBytes(bytes, start, at, true), 'define');
    defining = length <= LONGEST_DEFINER && isDefiner(hash >>> 0);
  }
}

function isDefiner(hash: number): boolean {
  return MAY_DEFINE[hash & 1023] === 1 && DEFINERS.has(hash);
}

/** Splits an identifier of several words, or of none, and tells the whole as well where there are several. */
function readWords(bytes: Uint8Array, from: number, to: number, sink: TermSink): void {
  let words = 0;
  let start = from;
  let before = OTHER;
  for (let at = from; at <= to; at++) {
    const here = at < to ? (CLASS[bytes[at] ?? 0] ?? OTHER) : OTHER;
    const border =
      at === to ||
      here === JOINER ||
      before === JOINER ||
      (here === UPPER &&
        (before === LOWER ||
          before === DIGIT ||
          // The last capital of a run begins the next word: HTTPServer is HTTP and Server.
          (before === UPPER && at + 1 < to && CLASS[bytes[at + 1] ?? 0] === LOWER)));
    before = here;
    if (!border || at === start) continue;
    if (CLASS[bytes[start] ?? 0] !== JOINER) {
      words++;
      if (at - start >= MIN_WORD) sink.term(hashBytes(bytes, start, stemmedEnd(bytes, start, at), false), 'word');
    }
    start = at;
  }
  if (words > 1) sink.term(hashBytes(bytes, from, to, true), 'whole');
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
