import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { readLogPage } from './agent-log.ts';
import { CollectedLog } from './collected-log.ts';
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
  const clock = { nowMs: () => nowMs, after: (delayMs: number, call: () => void) => systemClock.after(delayMs, call) };
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
