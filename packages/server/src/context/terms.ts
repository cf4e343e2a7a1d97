/** Terms of a text in order, in memory that the next reading uses again. */
export interface Terms {
  /** Hashes of words, and of whole identifiers that have several. */
  readonly terms: Uint32Array;
  /** Hashes of whole identifiers that follow a word that introduces a definition. */
  readonly defines: Uint32Array;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Longest identifier that is read; longer runs are data. */
const MAX_IDENTIFIER = 120;
const MIN_WORD = 2;

const OTHER = 0;
const LOWER = 1 << 8;
const UPPER = 1 << 9;
const DIGIT = 1 << 10;
const JOINER = 1 << 11;
const SPLITTING = UPPER | JOINER;

/** Of each byte its class and, in the low bits, its lower case; 0 for what is no part of an identifier. */
const BYTE = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  if (byte >= 97 && byte <= 122) BYTE[byte] = LOWER | byte;
  else if (byte >= 65 && byte <= 90) BYTE[byte] = UPPER | (byte + 32);
  else if (byte >= 48 && byte <= 57) BYTE[byte] = DIGIT | byte;
  else if (byte === 95) BYTE[byte] = JOINER | byte;
  else if (byte >= 128) BYTE[byte] = LOWER | byte;
}
const FOLDED = 255;

/** Hash of a word as {@link readTerms} makes it, for looking words up. */
export function termHash(word: string, whole = false): number {
  const bytes = Buffer.from(word.toLowerCase());
  return hashBytes(bytes, 0, whole ? bytes.length : stemmedEnd(bytes, 0, bytes.length), whole);
}

function hashBytes(bytes: Uint8Array, from: number, to: number, whole: boolean): number {
  let hash = FNV_OFFSET;
  if (whole) {
    hash ^= WHOLE;
    for (let at = from; at < to; at++) {
      const byte = BYTE[bytes[at] ?? 0] ?? OTHER;
      if ((byte & JOINER) === 0) hash = Math.imul(hash ^ (byte & FOLDED), FNV_PRIME);
    }
  } else {
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ ((BYTE[bytes[at] ?? 0] ?? OTHER) & FOLDED), FNV_PRIME);
  }
  return hash >>> 0;
}

/** Sets whole identifiers apart from words. */
const WHOLE = 0x5bd1e995;

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

/** What was read last: as many of the terms and definitions as their counts say. */
export interface ScannedTerms {
  readonly terms: Uint32Array;
  readonly termCount: number;
  readonly defines: Uint32Array;
  readonly defineCount: number;
}

const scanned = { terms: new Uint32Array(1 << 12), termCount: 0, defines: new Uint32Array(1 << 10), defineCount: 0 };
let { terms, defines } = scanned;
let termCount = 0;

/** Reads the terms of `bytes[from…to)` in order, as {@link scanTerms} does. */
export function readTerms(bytes: Uint8Array, from: number, to: number): Terms {
  const read = scanTerms(bytes, from, to);
  return { terms: read.terms.subarray(0, read.termCount), defines: read.defines.subarray(0, read.defineCount) };
}

/**
 * Reads the terms of `bytes[from…to)` in order. Identifiers are split at case, digit and underscore borders, folded to
 * lower case, stripped of common endings, and hashed; a whole identifier of several words is a term of its own. No string
 * is made on the way, so that a repository is read at the speed of its bytes. The next call overwrites the answer.
 */
export function scanTerms(bytes: Uint8Array, from: number, to: number): ScannedTerms {
  // No text has more terms than bytes.
  if (terms.length < to - from) {
    terms = scanned.terms = new Uint32Array(2 * (to - from));
    defines = scanned.defines = new Uint32Array(to - from);
  }
  termCount = 0;
  let defineCount = 0;
  let at = from;
  let defining = false;
  while (at < to) {
    const first = BYTE[bytes[at] ?? 0] ?? OTHER;
    if (first === OTHER) {
      at++;
      continue;
    }
    const start = at++;
    let seen = first === JOINER_BYTE ? SPLITTING : 0;
    let hash = Math.imul(FNV_OFFSET ^ (first & FOLDED), FNV_PRIME);
    for (; at < to; at++) {
      const byte = BYTE[bytes[at] ?? 0] ?? OTHER;
      if (byte === OTHER) break;
      seen |= byte;
      hash = Math.imul(hash ^ (byte & FOLDED), FNV_PRIME);
    }
    const length = at - start;
    if (length > MAX_IDENTIFIER) {
      defining = false;
      continue;
    }
    if ((seen & SPLITTING) !== 0) {
      readWords(bytes, start, at);
    } else if (length >= MIN_WORD) {
      const end = stemmedEnd(bytes, start, at);
      terms[termCount++] = end === at ? hash : hashBytes(bytes, start, end, false);
    }
    if (defining && length > 2) defines[defineCount++] = hashBytes(bytes, start, at, true);
    defining = length <= LONGEST_DEFINER && isDefiner(hash >>> 0);
  }
  scanned.termCount = termCount;
  scanned.defineCount = defineCount;
  return scanned;
}

const JOINER_BYTE = BYTE[95];

function isDefiner(hash: number): boolean {
  return MAY_DEFINE[hash & 1023] === 1 && DEFINERS.has(hash);
}

/** Splits an identifier of several words, or of none, and adds the whole as well where there are several. */
function readWords(bytes: Uint8Array, from: number, to: number): void {
  let words = 0;
  let start = from;
  let before = OTHER;
  for (let at = from; at <= to; at++) {
    const here = at < to ? (BYTE[bytes[at] ?? 0] ?? OTHER) & ~FOLDED : OTHER;
    const border =
      at === to ||
      here === JOINER ||
      before === JOINER ||
      (here === UPPER &&
        (before === LOWER ||
          before === DIGIT ||
          // The last capital of a run begins the next word: HTTPServer is HTTP and Server.
          (before === UPPER && at + 1 < to && ((BYTE[bytes[at + 1] ?? 0] ?? OTHER) & LOWER) !== 0)));
    before = here;
    if (!border || at === start) continue;
    if (((BYTE[bytes[start] ?? 0] ?? OTHER) & JOINER) === 0) {
      words++;
      if (at - start >= MIN_WORD) terms[termCount++] = hashBytes(bytes, start, stemmedEnd(bytes, start, at), false);
    }
    start = at;
  }
  if (words > 1) terms[termCount++] = hashBytes(bytes, from, to, true);
}

/** End of a word without its common English ending; what remains has three letters or more. */
function stemmedEnd(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length < 4) return to;
  const last = folded(bytes, to - 1);
  if (last === LETTER.s) return stemPlural(bytes, from, to);
  return length < 5 ? to : stemSingular(bytes, from, to, last);
}

function folded(bytes: Uint8Array, at: number): number {
  return (BYTE[bytes[at] ?? 0] ?? OTHER) & FOLDED;
}

const LETTER = { d: 100, e: 101, g: 103, h: 104, i: 105, l: 108, n: 110, s: 115, u: 117, x: 120, y: 121, z: 122 };

function stemPlural(bytes: Uint8Array, from: number, to: number): number {
  const before = folded(bytes, to - 2);
  if (before === LETTER.s || before === LETTER.u || before === LETTER.i) return to;
  if (to - from > 5 && before === LETTER.e) {
    const third = folded(bytes, to - 3);
    // -ies and -y meet in the stem without either.
    if (third === LETTER.i) return to - 3;
    if (third === LETTER.s || third === LETTER.x || third === LETTER.z || third === LETTER.h) return to - 2;
  }
  return to - 1 - from < 5 ? to - 1 : stemSingular(bytes, from, to - 1, before);
}

function stemSingular(bytes: Uint8Array, from: number, to: number, last: number): number {
  if (last === LETTER.e || last === LETTER.y) return to - 1;
  const before = folded(bytes, to - 2);
  if (last === LETTER.d && before === LETTER.e) return undouble(bytes, from, to - 2);
  const isParticiple = last === LETTER.g && before === LETTER.n && folded(bytes, to - 3) === LETTER.i && to - from > 5;
  return isParticiple ? undouble(bytes, from, to - 3) : to;
}

/** `stopp` of `stopped` is `stop`; `call` stays. */
function undouble(bytes: Uint8Array, from: number, to: number): number {
  const last = folded(bytes, to - 1);
  const twice = to - from > 3 && last === folded(bytes, to - 2) && last !== LETTER.l && last !== LETTER.s;
  return twice ? to - 1 : to;
}
