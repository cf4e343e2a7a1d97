import { isCode, languageOf } from './language.ts';

/** A way secrets are written. Group `secret` is the secret, or the whole match. */
export interface SecretPattern {
  readonly kind: string;
  readonly pattern: RegExp;
  /** What else may stand there and is left: examples, or whatever does not look random. Default: nothing. */
  readonly unless?: 'example' | 'ordinary';
}

/**
 * What the scanner leaves to its options, takes for examples or does not know. Bounded repetitions only: a text must not
 * be able to stall them.
 */
const ANYWHERE: readonly SecretPattern[] = [
  {
    kind: 'private key',
    // An encrypted one has headers before its letters.
    pattern:
      /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s{0,4}[A-Z][A-Za-z-]{2,20}: [^\n]{0,200}\n){0,5}[^-]{1,20000}(?:-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?/g,
  },
  { kind: 'AWS access key', pattern: /\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[A-Z0-9]{16}\b/g },
  {
    kind: 'AWS secret key',
    pattern:
      /(?:aws.{0,20}?(?:secret|key).{0,20}?['"=:\s]|secret_?access_?key['"]?\s{0,4}[:=]\s{0,4}['"]?)(?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
  },
  { kind: 'GitHub token', pattern: /\bgh[opsur]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{60,255}\b/g },
  {
    kind: 'API key',
    pattern:
      /\b(?:sk-(?:ant-|proj-|live-)?[A-Za-z0-9_-]{20,200}|[rs]k_live_[A-Za-z0-9]{16,99}|whsec_[A-Za-z0-9+/]{24,99}|AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,40}|ya29\.[A-Za-z0-9_-]{20,500}|gl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_-]{20,99}|npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{40,300}|xox[a-z][-.][A-Za-z0-9.-]{10,200}|xapp-\d-[A-Za-z0-9-]{20,200}|hf_[A-Za-z0-9]{30,60}|SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{16,60}|SK[0-9a-f]{32}\b|do[opr]_v1_[0-9a-f]{64}|dapi[0-9a-f]{32}|gsk_[A-Za-z0-9]{40,60}|AT[AC]TT3[A-Za-z0-9_=-]{60,250}|AGE-SECRET-KEY-1[0-9A-Z]{58}|[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}\b)|\.atlasv1\.[A-Za-z0-9_=-]{60,80}|(?<=\b\d{8,10}):AA[A-Za-z0-9_-]{33}\b/g,
  },
  { kind: 'webhook address', pattern: /\/api\/webhooks\/\d{17,20}\/(?<secret>[\w-]{60,99})/g },
  {
    kind: 'JSON web token',
    pattern: /\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}/g,
  },
  {
    kind: 'password in a URL',
    pattern: /:\/\/[^\s:@/'"]{0,100}:(?<secret>[^\s@/'"$<{]{3,200})@/g,
    unless: 'example',
  },
  {
    kind: 'authorization',
    pattern:
      /authorization["']?\s{0,4}[:=,]\s{0,4}["'\x60]?(?:bearer|basic|token)\s{1,4}(?<secret>[A-Za-z0-9+/_.~=-]{16,4000})/gi,
    unless: 'ordinary',
  },
  {
    kind: 'password',
    pattern: /\bcurl\s[^\n]{0,200}?(?<=\s)(?:-u|--user)\s{1,4}["']?[^\s:"']{1,100}:(?<secret>[^\s"'$]{4,200})/g,
    unless: 'example',
  },
];

/** What a name ends with whose value is secret. It begins with the end, so that few places of a text are tried. */
const NAME = String.raw`(?:(?<=(?:api|secret|access|auth|private|client|signing|encryption|master|account|shared)[_.-]?)key|secret|token|passw(?:or)?d|passphrase|pwd|(?<=[?&])sig)`;
/** How a value follows its name: in quotes, in a query or connection string, between tags. */
const VALUES = [
  String.raw`["']?(?:[ \t]{0,4}(?:=>|:=|[:=,])|\s{1,4}value=)[ \t]{0,4}["'](?<secret>[^\s"'<{$]{8,400})["']`,
  String.raw`(?<=[;?&][\w .-]{0,40})\s?=\s?(?<secret>[^\s;&"'<{$%]{8,400})`,
  String.raw`>\s{0,4}(?<secret>[^\s<>"'{$]{8,400})\s{0,4}<`,
];
/** Without quotes, as in configuration; in a program that would be an expression. */
const BARE = String.raw`(?:\s{0,4}[:=][ \t]{0,4}|(?<=^[ \t]{0,20}ENV[ \t]{1,4}\w{1,60})[ \t]{1,4})(?<secret>[^\s"'<>{$}()\[\],;#\x60]{8,400})[ \t]{0,8}\r?$`;

const named = (values: readonly string[]): SecretPattern => ({
  kind: 'secret value',
  pattern: new RegExp(`${NAME}(?:${values.join('|')})`, 'gim'),
  unless: 'ordinary',
});
const IN_PROGRAMS = [...ANYWHERE, named(VALUES)];
const ELSEWHERE = [...ANYWHERE, named([...VALUES, BARE])];
const SCRIPTS = new Set(['shell', 'dockerfile', 'make', 'batch', 'powershell']);

/** Patterns for the text of a path. */
export function secretPatternsFor(path: string): readonly SecretPattern[] {
  const language = languageOf(path);
  return isCode(language) && !SCRIPTS.has(language ?? '') ? IN_PROGRAMS : ELSEWHERE;
}

const EXAMPLE =
  /^(?:x+|\*+|\.+|-+|pw|passw(?:or)?d|secret|pass|token|user|changeme|placeholder|your[-_].*|test\w{0,6}|.*example.*)$/i;
/** A value of few characters with a usual word in it is an example; nobody remembers a longer one. */
const MEMORABLE = /^(?=.{0,19}$).*(?:pass|secret|test|user|change|dummy|sample|foo|bar|1234|abcd|qwerty)/i;
/**
 * `nextToken2`, `config.apiKey`, `MAX_AGE_SECONDS`: words, joined; no capital stands alone. Each letter can be matched in
 * one way only: cut into words by the pattern, a long value of a hostile file would have as many ways as there are cuts.
 */
const WORDS = /^(?=[a-z]{2}|[A-Z][A-Za-z])(?!.*(?<![A-Z])[A-Z](?![A-Za-z]))[A-Za-z](?:[-_.:/]?[A-Za-z])*\d{0,3}$/;

/** Whether a value is what a pattern leaves. */
export function isLeft(value: string, unless: SecretPattern['unless']): boolean {
  if (unless === undefined) return false;
  if (EXAMPLE.test(value)) return true;
  if (unless === 'example') return false;
  const mixed = /[0-9]/.test(value) && /[a-z]/i.test(value) && new Set(value).size >= 7;
  return !mixed || MEMORABLE.test(value) || WORDS.test(value);
}
