import { createHash } from 'node:crypto';
import { readTerms, termHash } from './terms.ts';

/** What a task asks for, in the terms that files are indexed by. */
export interface TaskQuery {
  /** Names the task’s texts. */
  readonly digest: string;
  /** Weight by term hash, over all of the task’s texts. */
  readonly terms: ReadonlyMap<number, number>;
  /** The same of the title alone. */
  readonly titleTerms: ReadonlyMap<number, number>;
  /** Terms of the part of a title that names an area: `net/http` in `net/http: close idle connections`. */
  readonly scopeTerms: ReadonlySet<number>;
  /** Hashes of whole identifiers that the task names, one word or several. */
  readonly identifiers: ReadonlySet<number>;
  /** Words of the title, as they stand, lower-case. */
  readonly words: ReadonlySet<string>;
  /** Paths, file names, dotted modules and stack frames that the task names, lower-case, with `/`. */
  readonly paths: readonly string[];
}

/** Words that say that something changes, not what. */
const EMPTY_WORDS = new Set(
  `a about above after again all also although always an and another any are as at avoid back be because been before being
  below between both but by can cannot case changed change changes commit could currently did do does doing done don due
  during each either else ensure etc even every example few first fix fixed fixes fixing for from further get got had has have
  having he her here his how however if implement implemented in instead into is issue it its itself just last let like made
  make makes making may me might minor more most much must my need needed needs new no nor not now of off on once one only
  or other our out over own patch please problem properly put reported same see shall she should since so some still such
  than that the their them then there these they thing this those through thus to too two under until up upon us use used
  uses using very via want was way we well were what when where whether which while who why will with without work works
  would yes yet you your closes close refs ref related resolve resolves resolved signed reviewed acked tested cc co authored
  bug support supported add added adding adds remove removed removing removes update updated updates updating allow allows
  allowed improve improved http https www com org chore feat refactor`
    .split(/\s+/)
    .map((word) => termHash(word)),
);

// Patterns begin at a left border, or end soon: what fits nowhere in a dump’s long run is not tried at each character.

/** Trailers, references to other changes and people: what follows them in a line is a task’s own words. */
const NOISE = new RegExp(
  [
    String.raw`^(?:[\w-]+-by|cc|change-id):.*$`,
    String.raw`\(?cherry[- ]picked from\b.*$`,
    String.raw`\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|refs?|see|links?|bugs?|issues?)\b:?\s*(?:[\w./-]{0,140}#|gh-|bz-?)\d+`,
    String.raw`https?:\/\/\S+`,
    String.raw`\b[0-9a-f]{9,40}\b`,
    String.raw`<[^<>\s]+@[^<>\s]+>`,
    String.raw`(?<![\w.+-])[\w.+-]+@[\w-]+\.\S+`,
  ].join('|'),
  'gim',
);

/** Of names that a file system can hold, 64 deep. */
const PATH =
  /(?<![\w+-])(?:(?:[\w@.+-]{0,255}\/){0,64}[\w@+-]{1,255}(?:\.[\w+-]+)+|(?:[\w@.+-]{1,255}\/){1,64}[\w@+-]{1,255})/g;
const IDENTIFIER = /[A-Za-z_$][\w$]{2,}/g;
/** `area: …`, `fix(area): …`, `[area] …`. */
const SCOPE = /^\s*(?:\[([^\]]{2,60})\]|(?:\w+\(([^)]{2,60})\)!?|([\w./,{}* -]{2,60}?)):\s)/;
/** What a title begins with that says what kind of change it is, not where. */
const COMMIT_TYPE = /^(?:feat|fix|docs?|style|refactor|perf|tests?|build|ci|chore|revert|maint|security)$/i;
/** Words with nothing but spaces and hyphens between them. */
const PHRASE = /(?<![A-Za-z0-9_])[A-Za-z][A-Za-z0-9_]*(?:[ \t-]+[A-Za-z][A-Za-z0-9_]*)+/g;
const PAIR_WEIGHT = 0.7;
const JOINED_WEIGHT = 0.7;
const SHORTEST_JOINED_CHARS = 6;
const TITLE_WEIGHT = 2.5;
const TASK_WEIGHT = 2;
/** Text beyond this many characters is a log or a dump: its words would drown the task’s. */
const MAX_TEXT = 32_768;
const MAX_PATHS = 200;

/** Reads a task: its title weighs most, then what the agent was told, then the body. */
export function readTask(title: string, body: string, task: string | null): TaskQuery {
  const terms = new Map<number, number>();
  const identifiers = new Set<number>();
  const paths = new Set<string>();
  const cleanTitle = cleaned(title);
  for (const [clean, weight] of [
    [cleanTitle, TITLE_WEIGHT],
    [cleaned(task ?? ''), TASK_WEIGHT],
    [cleaned(body), 1],
  ] as const) {
    for (const [path] of clean.replaceAll('\\', '/').matchAll(PATH))
      if (paths.size < MAX_PATHS) paths.add(path.toLowerCase());
    for (const [name] of clean.matchAll(IDENTIFIER)) identifiers.add(termHash(name, true));
    addTerms(clean, weight, terms);
    addPairs(clean, weight * PAIR_WEIGHT, terms);
    addJoined(clean, weight * JOINED_WEIGHT, terms);
  }
  const titleTerms = new Map<number, number>();
  addTerms(cleanTitle, 1, titleTerms);
  addPairs(cleanTitle, PAIR_WEIGHT, titleTerms);
  addJoined(cleanTitle, JOINED_WEIGHT, titleTerms);
  const words = new Set(wordsOf(cleanTitle).filter((word) => !isEmpty(word)));
  const scope = SCOPE.exec(title);
  const scopeTerms = new Map<number, number>();
  const area = scope?.[1] ?? scope?.[2] ?? scope?.[3] ?? '';
  if (!COMMIT_TYPE.test(area)) {
    addTerms(area, 1, scopeTerms);
    addJoined(area, 1, scopeTerms);
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([title, body, task]))
    .digest('base64url');
  return { digest, terms, titleTerms, scopeTerms: new Set(scopeTerms.keys()), identifiers, words, paths: [...paths] };
}

function cleaned(text: string): string {
  return text.slice(0, MAX_TEXT).replaceAll(NOISE, ' ');
}

/** Two words that stand beside each other may be one identifier: “idle connections” is `idle_connections`, or `IdleConnections`. */
function addPairs(text: string, weight: number, into: Map<number, number>): void {
  const pairs = new Set<number>();
  for (const [phrase] of text.matchAll(PHRASE)) {
    const words = wordsOf(phrase);
    for (const [at, word] of words.entries()) {
      const before = words[at - 1];
      if (before !== undefined && !(isEmpty(before) && isEmpty(word))) pairs.add(termHash(before + word, true));
    }
  }
  for (const hash of pairs) if (!into.has(hash)) into.set(hash, weight);
}

/** One word may be an identifier of several: “jumplinks” is `JumpLinks`, or `jump_links`. */
function addJoined(text: string, weight: number, into: Map<number, number>): void {
  for (const [name] of text.matchAll(IDENTIFIER)) {
    if (name.length < SHORTEST_JOINED_CHARS || wordsOf(name).length > 1 || isEmpty(name)) continue;
    const hash = termHash(name, true);
    if (!into.has(hash)) into.set(hash, weight);
  }
}

function wordsOf(text: string): string[] {
  const split = text.replaceAll(/([a-z0-9])(?=[A-Z])/g, '$1 ').replaceAll('_', ' ');
  return split.toLowerCase().match(/[a-z][a-z0-9]+/g) ?? [];
}

function isEmpty(word: string): boolean {
  return EMPTY_WORDS.has(termHash(word));
}

function addTerms(text: string, weight: number, into: Map<number, number>): void {
  const bytes = Buffer.from(text);
  const counts = new Map<number, number>();
  for (const hash of readTerms(bytes, 0, bytes.length).terms) {
    if (!EMPTY_WORDS.has(hash)) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  }
  // Saying a word often says a little more than saying it once.
  for (const [hash, count] of counts) into.set(hash, (into.get(hash) ?? 0) + weight * (1 + Math.log(count)));
}
