import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastLines, tailFile, type TailedLine } from './tail-file.ts';

let root: string;
let file: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sidecar-tail-'));
  file = join(root, 'log');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const never = new AbortController().signal;

async function all(options: Partial<Parameters<typeof tailFile>[1]> = {}): Promise<TailedLine[]> {
  const lines: TailedLine[] = [];
  for await (const line of tailFile(file, { signal: never, ended: Promise.resolve(), ...options })) lines.push(line);
  return lines;
}

test('tells every line with where to go on, the last one also without its newline', async () => {
  writeFileSync(file, 'one\r\n\ntwö\nlast');
  expect(await all()).toEqual([
    { text: 'one', cut: false, nextByte: 5 },
    { text: '', cut: false, nextByte: 6 },
    { text: 'twö', cut: false, nextByte: 11 },
    { text: 'last', cut: false, nextByte: 15 },
  ]);
  expect((await all({ fromByte: 6 })).map((line) => line.text)).toEqual(['twö', 'last']);
});

test('follows a file that does not exist yet, grows, and is cut', async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const lines = tailFile(file, { signal: never, ended });
  const next = async (): Promise<string | undefined> => (await lines.next()).value?.text;
  const first = next();
  appendFileSync(file, 'first\nsec');
  expect(await first).toBe('first');
  const second = next();
  appendFileSync(file, 'ond\n');
  expect(await second).toBe('second');
  truncateSync(file, 0);
  appendFileSync(file, 'anew\n');
  expect(await next()).toBe('anew');
  appendFileSync(file, 'end');
  end();
  expect(await next()).toBe('end');
  expect(await lines.next()).toEqual({ done: true, value: undefined });
});

test('an abort ends it while it waits', async () => {
  writeFileSync(file, 'one\n');
  const stop = new AbortController();
  const lines = tailFile(file, { signal: stop.signal });
  expect((await lines.next()).value?.text).toBe('one');
  const waiting = lines.next();
  stop.abort();
  expect((await waiting).done).toBe(true);
});

test('a line beyond the bound is cut and the next one is whole', async () => {
  writeFileSync(file, `${'x'.repeat(300_000)}\nshort\n`);
  expect(await all({ maxLineBytes: 100 })).toEqual([
    { text: 'x'.repeat(100), cut: true, nextByte: 300_001 },
    { text: 'short', cut: false, nextByte: 300_007 },
  ]);
});

test('whatever is written comes back, from whichever line one goes on', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\r\n]/.test(text));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.nat(), async (texts, at) => {
      writeFileSync(file, texts.map((text) => `${text}\n`).join(''));
      const lines = await all();
      expect(lines.map(({ text }) => text)).toEqual(texts);
      const index = at % (texts.length + 1);
      const rest = await all({ fromByte: lines[index - 1]?.nextByte ?? 0 });
      expect(rest.map(({ text }) => text)).toEqual(texts.slice(index));
    }),
    { numRuns: 50 },
  );
});

test('the last lines are read from the end only', async () => {
  expect(await lastLines(file, 3)).toEqual([]);
  writeFileSync(file, Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join(''));
  expect(await lastLines(file, 2)).toEqual(['line 4998', 'line 4999']);
  expect(await lastLines(file, 100, 25)).toEqual(['line 4998', 'line 4999']);
  writeFileSync(file, 'a\nb');
  expect(await lastLines(file, 5)).toEqual(['a', 'b']);
});
