import { LRUCache } from 'lru-cache';

/** A secret in a text: where it stands and what it is. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** Loaded with the first text: starting a worker should not wait for it. */
async function loadScanner() {
  const [{ lintSource }, { creator }] = await Promise.all([
    import('@secretlint/core'),
    import('@secretlint/secretlint-rule-preset-recommend'),
  ]);
  const config = { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }] };
  return (content: string, path: string) =>
    lintSource({
      source: { filePath: `/${path}`, content, contentType: 'text' },
      options: { config, noPhysicFilePath: true },
    });
}

let scanner: ReturnType<typeof loadScanner> | undefined;

/**
 * What the scanner leaves to its options, or takes for examples. Group `secret` is replaced, or the whole match.
 * Bounded repetitions only: a text must not be able to stall them.
 */
const OWN: readonly (readonly [kind: string, pattern: RegExp])[] = [
  [
    'private key',
    /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{1,20000}(?:-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?/g,
  ],
  ['AWS access key', /\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[A-Z0-9]{16}\b/g],
  ['AWS secret key', /aws.{0,20}?(?:secret|key).{0,20}?['"=:\s](?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi],
  ['GitHub token', /\bgh[opsur]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{60,255}\b/g],
  [
    'API key',
    /\b(?:sk-(?:ant-|proj-|live-)?[A-Za-z0-9_-]{20,200}|sk_live_[A-Za-z0-9]{16,99}|rk_live_[A-Za-z0-9]{16,99}|AIza[A-Za-z0-9_-]{35}|glpat-[A-Za-z0-9_-]{20,99}|npm_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10,200}|hf_[A-Za-z0-9]{30,60}|SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{16,60})/g,
  ],
  ['JSON web token', /\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}/g],
  ['password in a URL', /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"]{1,100}:(?<secret>[^\s@/'"$<{]{3,200})@/gi],
  [
    'secret value',
    /(?:api[_-]?key|secret[_-]?key|client[_-]?secret|access[_-]?token|auth[_-]?token|private[_-]?key|passw(?:or)?d|pwd|secret)["']?\s{0,4}(?:=>|:=|[:=])\s{0,4}["'](?<secret>[^\s"'$<{]{12,200})["']/gi,
  ],
];

/** Texts that look like secrets and are none: placeholders, and words rather than random letters. */
function isPlaceholder(kind: string, secret: string): boolean {
  if (kind !== 'secret value' && kind !== 'password in a URL') return false;
  if (
    /^(?:x+|\*+|\.+|-+|password|passwd|secret|pass|user|example|changeme|placeholder|your[_-].*|test.*|.*example.*)$/i.test(
      secret,
    )
  )
    return true;
  return kind === 'secret value' && !(/[0-9]/.test(secret) && /[a-z]/i.test(secret) && new Set(secret).size >= 8);
}

const known = new LRUCache<string, readonly Found[]>({ max: 20_000 });

/** Begins to load the scanner, for whoever will need it soon and waits for something else meanwhile. */
export function prepareRedaction(): void {
  scanner ??= loadScanner();
  scanner.catch(() => undefined);
}

/** Replaces the secrets of a text by what they are. `checksum` names the text, so that none is scanned twice. */
export async function redact(
  text: string,
  path: string,
  checksum: string,
): Promise<{ text: string; redactions: number }> {
  let found = known.get(checksum);
  if (found === undefined) {
    found = await findSecrets(text, path);
    known.set(checksum, found);
  }
  if (found.length === 0) return { text, redactions: 0 };
  const parts: string[] = [];
  let from = 0;
  for (const { start, end, kind } of found) {
    parts.push(text.slice(from, start), `[redacted: ${kind}]`);
    from = end;
  }
  return { text: parts.join('') + text.slice(from), redactions: found.length };
}

/** Replaces what only patterns can find, for short texts such as commit messages. */
export function redactLine(text: string): string {
  let clean = text;
  for (const { start, end, kind } of matchOwn(text).toSorted((a, b) => b.start - a.start)) {
    clean = `${clean.slice(0, start)}[redacted: ${kind}]${clean.slice(end)}`;
  }
  return clean;
}

/** Shortest run of letters that a token has. */
const LONG_NAME = /[\w-]{20}/;

/** Whether a path itself holds a secret, so that even its name must not be told. */
export function namesSecret(path: string): boolean {
  return LONG_NAME.test(path) && matchOwn(path).length > 0;
}

async function findSecrets(text: string, path: string): Promise<readonly Found[]> {
  scanner ??= loadScanner();
  const { messages } = await (await scanner)(text, path);
  const scanned = messages.map(({ range: [start, end], messageId }) => ({
    start,
    end,
    kind: messageId.toLowerCase().replaceAll('_', ' '),
  }));
  return merged([...scanned, ...matchOwn(text)]);
}

function matchOwn(text: string): Found[] {
  return merged(
    OWN.flatMap(([kind, pattern]) =>
      [...text.matchAll(pattern)].flatMap((match) => {
        const secret = match.groups?.['secret'] ?? match[0];
        if (isPlaceholder(kind, secret)) return [];
        const start = match.index + match[0].lastIndexOf(secret);
        return [{ start, end: start + secret.length, kind }];
      }),
    ),
  );
}

/** In order and without overlap; of two that overlap, one that covers both. */
function merged(found: readonly Found[]): Found[] {
  const apart: Found[] = [];
  for (const next of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = apart.at(-1);
    if (last === undefined || next.start >= last.end) apart.push(next);
    else if (next.end > last.end) apart[apart.length - 1] = { ...last, end: next.end };
  }
  return apart;
}
