import { LRUCache } from 'lru-cache';
import { isLeft, secretPatternsFor } from './secret-patterns.ts';

/** A secret in a text: where it stands and what it is. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** Loaded with the first text: starting a worker should not wait for it. */
async function loadScanner() {
  const [{ lintSource }, { secretLintProfiler }, { creator }] = await Promise.all([
    import('@secretlint/core'),
    import('@secretlint/profiler'),
    import('@secretlint/secretlint-rule-preset-recommend'),
  ]);
  // It notes some sixty marks for each text, forgets none of them, and takes most of the time of a small one.
  secretLintProfiler.setEnabled(false);
  const config = { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }] };
  return (content: string, path: string) =>
    lintSource({
      source: { filePath: `/${path}`, content, contentType: 'text' },
      options: { config, noPhysicFilePath: true },
    });
}

let scanner: ReturnType<typeof loadScanner> | undefined;

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
  for (const { start, end, kind } of matchOwn(text, '').toSorted((a, b) => b.start - a.start)) {
    clean = `${clean.slice(0, start)}[redacted: ${kind}]${clean.slice(end)}`;
  }
  return clean;
}

/** The same for every text in a JSON value. */
export function redactValue(value: unknown): unknown {
  const clean: unknown = JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === 'string' ? redactLine(part) : part,
  );
  return clean;
}

/** Shortest run of letters that a token has; looked for from where each run begins. */
const LONG_NAME = /(?<![\w-])[\w-]{20}/;

/** Whether a path itself holds a secret, so that even its name must not be told. */
export function namesSecret(path: string): boolean {
  return LONG_NAME.test(path) && matchOwn(path, '').length > 0;
}

async function findSecrets(text: string, path: string): Promise<readonly Found[]> {
  scanner ??= loadScanner();
  const { messages } = await (await scanner)(text, path);
  const scanned = messages.map(({ range: [start, end], messageId }) => ({
    start,
    end,
    kind: messageId.toLowerCase().replaceAll('_', ' '),
  }));
  return merged([...scanned, ...matchOwn(text, path)]);
}

function matchOwn(text: string, path: string): Found[] {
  return merged(
    secretPatternsFor(path).flatMap(({ kind, pattern, unless }) =>
      [...text.matchAll(pattern)].flatMap((match) => {
        const secret = match.groups?.['secret'] ?? match[0];
        if (isLeft(secret, unless)) return [];
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
