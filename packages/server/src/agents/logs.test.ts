import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { readLogPage } from './agent-log.ts';
import { CollectedLog } from './collected-log.ts';
import { readCollectedLog, type CollectedRequest } from './read-collected-log.ts';
import { LogMarks, readMarks } from './log-marks.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'agent-logs-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const never = new AbortController().signal;
const unended = new Promise<never>(() => {});
const read = (over: object = {}) =>
  readLogPage(
    {
      path: join(place, 'stdout.log'),
      marksFile: join(place, 'marks'),
      stream: 'stdout',
      fromByte: 0,
      limit: 100,
      waitMs: 0,
      ended: unended,
      ...over,
    },
    systemClock,
    never,
  );

test('a line that is still being written is not answered before it is whole, or the agent has ended', async () => {
  writeFileSync(join(place, 'stdout.log'), 'one\ntw');
  expect(await read()).toMatchObject({ lines: [{ byte: 0, text: 'one' }], next_byte: 4, ended: false });
  expect(await read({ fromByte: 4 })).toMatchObject({ lines: [], next_byte: 4, ended: false });
  appendFileSync(join(place, 'stdout.log'), 'o');
  const last = await read({ fromByte: 4, ended: Promise.resolve() });
  expect(last).toMatchObject({ lines: [{ byte: 4, text: 'two' }], next_byte: 7, ended: true });
});

test('a long line comes in pieces, and a wait ends with its time or its line', async () => {
  const path = join(place, 'stdout.log');
  writeFileSync(path, `${'x'.repeat(64 * 1024)}y\n`);
  const page = await read();
  expect(page.lines.map(({ text, cut }) => [text.length, cut])).toEqual([
    [65_536, true],
    [1, false],
  ]);
  const from = { fromByte: page.next_byte };
  expect((await read({ ...from, waitMs: 30 })).lines).toEqual([]);
  const waiting = read({ ...from, waitMs: 10_000 });
  appendFileSync(path, 'more\n');
  expect((await waiting).lines).toMatchObject([{ text: 'more' }]);
});

test('no page shows anything of a private key, wherever it begins and however little it holds', async () => {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const text = `one\n${privateKey}two sidecar_op_0123456789abcdefghij three\nfour\n`;
  writeFileSync(join(place, 'stdout.log'), text);
  const secret = privateKey.split('\n').slice(1, -2).join('') + 'sidecar_op_0123456789abcdefghij';
  for (let fromByte = 0; fromByte < text.length; fromByte += 1) {
    for (const limit of [1, 100]) {
      for (const { text: shown } of (await read({ fromByte, limit })).lines) {
        const words = shown.match(/[\w+/]+/g) ?? [];
        expect(
          words.filter((word) => word.length > 5 && secret.includes(word) && word !== 'secret'),
          `from ${fromByte}`,
        ).toEqual([]);
      }
    }
  }
  const { lines: whole } = await read();
  expect([whole[0]?.text, ...whole.slice(-2).map((each) => each.text)]).toEqual(['one', 'two [secret] three', 'four']);
  const last = text.indexOf('four');
  expect((await read({ fromByte: last + 2 })).lines).toMatchObject([{ byte: last + 2, text: 'ur' }]);
});

const CUT = 64 * 1024;
const TOKENS = [`eyJ${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`, `sidecar_op_${'d'.repeat(40)}`];

test.each(TOKENS)(
  'regression: a token that the cut of a long line goes through is shown in neither piece: %s',
  async (token) => {
    for (const byte of [CUT - 6, CUT - 1, CUT - 30, CUT - token.length, CUT, 2 * CUT - 6]) {
      const line = `${'x'.repeat(byte - 1)} ${token} ${'y'.repeat(100)} ${token} ${'z'.repeat(CUT)}`;
      writeFileSync(join(place, 'stdout.log'), `${line}\n`);
      const pages = [(await read()).lines];
      for (const fromByte of [byte + 4, byte + 12, 2 * CUT]) pages.push((await read({ fromByte })).lines);
      for (const lines of pages) {
        const shown = lines.map(({ text }) => text).join('|');
        expect(shown.match(/ey|J|a+|b+|c{2,}|sidecar|op_|d{2,}/g), `at ${byte}`).toBeNull();
        // What stands between them is not lost.
        if (lines !== pages.at(-1)) expect(shown, `at ${byte}`).toContain('y'.repeat(100));
      }
      expect(pages[0]?.map(({ cut }) => cut).slice(0, -1)).not.toContain(false);
    }
  },
);

test('regression: a piece of a line that is still being written waits until what follows tells whether a token ends it', async () => {
  const path = join(place, 'stdout.log');
  const [token = ''] = TOKENS;
  writeFileSync(path, `${'x'.repeat(CUT - 6)}${token.slice(0, 20)}`);
  expect((await read()).lines).toEqual([]);
  appendFileSync(path, `${token.slice(20)}\n`);
  expect((await read()).lines.map(({ text }) => text)).toEqual([`${'x'.repeat(CUT - 6)}[secret]`, '[secret]']);
  writeFileSync(path, 'x'.repeat(CUT + 5000));
  expect((await read()).lines).toMatchObject([{ cut: true }]);
});

test('marks tell when each byte was read, over a restart, and read lines are not new again', async () => {
  const path = join(place, 'marks');
  let nowMs = 1000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const marks = new LogMarks(path, clock);
  expect(marks.note('stdout', 10)).toBe(true);
  nowMs = 5000;
  marks.note('stdout', 20);
  marks.note('stderr', 7);
  await marks.close();
  const timeOf = await readMarks(path, 'stdout');
  expect([1, 10, 11, 20, 21].map(timeOf)).toEqual([1000, 1000, 5000, 5000, null]);
  const again = new LogMarks(path, clock);
  expect([again.note('stdout', 20), again.note('stdout', 21), again.note('stderr', 7)]).toEqual([false, true, false]);
  await again.close();
});

const line = {
  at: '2026-01-01T00:00:00.000Z',
  project_id: 'p',
  agent_id: 'a',
  agent_type: 't',
  issue_id: null,
  attempt: 1,
  stream: 'stdout' as const,
};

test('the output of all agents is collected in files of bounded size and number', async () => {
  const path = join(place, 'agents.log');
  const log = new CollectedLog(path, silentLogger, { maxBytes: 500, keep: 2 });
  for (let index = 0; index < 40; index += 1) {
    log.append({ ...line, text: `line ${index}` });
    await log.close();
  }
  expect(readdirSync(place).toSorted()).toEqual(['agents.log', 'agents.log.1', 'agents.log.2']);
  expect(readFileSync(path, 'utf8')).toContain('"line 39"');
});

test('a flood is cut down, and what was left out is told', async () => {
  const log = new CollectedLog(join(place, 'agents.log'), silentLogger);
  for (let index = 0; index < 1500; index += 1) log.append({ ...line, text: 'again' });
  await log.close();
  log.append({ ...line, at: '2026-01-01T00:00:01.000Z', text: 'later' });
  await log.close();
  const lines = readFileSync(join(place, 'agents.log'), 'utf8').trim().split('\n');
  expect(lines).toHaveLength(1002);
  expect(lines.filter((each) => each.includes('left_out'))).toEqual([JSON.stringify({ left_out_lines: 500 })]);
});

test('a disk that refuses costs lines and is told once', async () => {
  const logger = { ...silentLogger, warn: vi.fn<(fields: object, message: string) => void>() };
  const log = new CollectedLog('/dev/full', logger);
  for (let index = 0; index < 3; index += 1) {
    log.append({ ...line, text: 'lost' });
    await log.close();
  }
  expect(logger.warn).toHaveBeenCalledTimes(1);
  const marks = new LogMarks(join(place, 'no-such-folder', 'marks'), systemClock);
  marks.note('stdout', 5);
  await marks.close();
});

describe('reading what all agents wrote', () => {
  const page = (log: CollectedLog, over: Partial<CollectedRequest> = {}) =>
    readCollectedLog(log, { limit: 1000, waitMs: 0, ...over }, systemClock, never);
  const texts = ({ lines }: { readonly lines: readonly { readonly text: string }[] }): string[] =>
    lines.map(({ text }) => text);
  const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`);
  const opened = (maxBytes = 400): CollectedLog =>
    new CollectedLog(join(place, 'agents.log'), silentLogger, { maxBytes, keep: 2 });
  async function write(log: CollectedLog, ...lines: readonly string[]): Promise<void> {
    for (const text of lines) {
      log.append({ ...line, text });
      await log.close();
    }
  }

  test('goes on where it was, whatever was put aside meanwhile', async () => {
    const log = opened();
    expect(await page(log)).toEqual({ lines: [], nextCursor: '0.0', atEnd: true, leftOut: 0, gap: false });
    await write(log, ...names(3));
    const first = await page(log, { limit: 2 });
    expect([texts(first), first.atEnd]).toEqual([['0', '1'], false]);
    await write(log, ...names(2, 3));
    const second = await page(log, { cursor: first.nextCursor });
    expect([texts(second), second.atEnd, second.gap]).toEqual([['2', '3', '4'], true, false]);
    expect(readdirSync(place)).toContain('agents.log.1');
    expect(await page(log, { cursor: second.nextCursor })).toMatchObject({ lines: [], atEnd: true });
  });

  test('says that lines are not kept any more, and goes on with the oldest that is', async () => {
    const log = opened();
    await write(log, '0');
    const { nextCursor: cursor } = await page(log);
    await write(log, ...names(40, 1));
    const { lines, gap } = await page(log, { cursor });
    expect(gap).toBe(true);
    expect(lines.at(-1)).toMatchObject({ text: '40' });
    expect(lines.length).toBeLessThan(12);
    expect(await page(log, { cursor: cursor.replace(/\d+$/, '7') })).toMatchObject({ gap: true });
  });

  test('begins so many lines before the end, and reads on from there', async () => {
    const log = opened();
    await write(log, ...names(8));
    for (let tail = 0; tail <= 6; tail += 1) {
      const end = await page(log, { tail });
      expect(texts(end)).toEqual(names(tail, 8 - tail));
      await write(log, 'more');
      expect(texts(await page(log, { cursor: end.nextCursor }))).toEqual(['more']);
      rmSync(join(place, 'agents.log'));
      await write(log, ...names(8));
    }
  });

  test('leaves out what was not asked for, also when a text looks like it, and what was cut off', async () => {
    const log = opened(1_000_000);
    await write(log, 'plain', '"issue_id":"i-1"');
    log.append({ ...line, issue_id: 'i-1', agent_id: 'b', text: 'meant' });
    await log.close();
    appendFileSync(join(place, 'agents.log'), '{"at":"2026-01-01T00:00:00.000Z","issue_id":"i-1","te\n');
    log.append({ ...line, issue_id: 'i-1', stream: 'stderr', text: 'meant too' });
    await log.close();
    expect(texts(await page(log, { issueId: 'i-1' }))).toEqual(['meant', 'meant too']);
    expect(texts(await page(log, { issueId: 'i-1', agentId: 'b', tail: 5 }))).toEqual(['meant']);
    expect(texts(await page(log, { stream: 'stderr', projectId: 'p' }))).toEqual(['meant too']);
    expect(await page(log, { projectId: 'q' })).toMatchObject({ lines: [], atEnd: true });
  });

  test('waits for a line that was asked for, not for any', async () => {
    const log = opened(1_000_000);
    await write(log, 'before');
    const { nextCursor: cursor } = await page(log);
    const waiting = page(log, { cursor, agentId: 'b', waitMs: 10_000 });
    await write(log, 'another');
    log.append({ ...line, agent_id: 'b', text: 'awaited' });
    expect(texts(await waiting)).toEqual(['awaited']);
    expect(texts(await page(log, { cursor, agentId: 'c', waitMs: 30 }))).toEqual([]);
  });

  test('finds the few lines among many', async () => {
    const log = opened(64 * 1024 * 1024);
    const path = join(place, 'agents.log');
    const other = `${JSON.stringify({ ...line, text: 'x'.repeat(4000) })}\n`.repeat(600);
    const own = (text: string): string => `${JSON.stringify({ ...line, agent_id: 'b', text })}\n`;
    writeFileSync(path, own('first') + other + own('middle') + other + own('last') + other);
    expect(texts(await page(log, { agentId: 'b', tail: 3 }))).toEqual(['first', 'middle', 'last']);
    expect(texts(await page(log, { agentId: 'b', tail: 1 }))).toEqual(['last']);
    expect(texts(await page(log, { agentId: 'b' }))).toEqual(['first', 'middle', 'last']);
  });
});
