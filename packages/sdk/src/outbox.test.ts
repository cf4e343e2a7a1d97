import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KEPT, parseKept, SidecarError, type KeptRequest } from '@orchestration-sidecar/shared';
import { systemClock, type Clock } from './clock.ts';
import { Outbox } from './outbox.ts';
import { openFolder } from './platform/node-folder.ts';

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sdk-outbox-'));
  path = join(root, 'outbox');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const away = (): Promise<never> => Promise.reject(new SidecarError('UNREACHABLE'));
const request = (index: number): KeptRequest => ({
  path: '/events/tick',
  idempotencyKey: `key-${index}`,
  body: { index },
});

function outbox(sendKept: (request: KeptRequest) => Promise<unknown>, signal = new AbortController().signal): Outbox {
  return new Outbox({ folder: openFolder(path), sendKept, clock: systemClock, random: () => 0, signal });
}

it('keeps what cannot be sent, private and in order, and sends nothing past it', async () => {
  const closed = new AbortController();
  const box = outbox(away, closed.signal);
  await box.hand(request(1), away);
  const sent: string[] = [];
  const answer = await box.hand(request(2), async () => sent.push('out of turn'));
  expect(answer).toEqual({ queued: true, idempotency_key: 'key-2' });
  expect(sent).toEqual([]);
  closed.abort();
  const names = (await readdir(path)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')));
  expect(texts.map(parseKept)).toEqual([request(1), request(2)]);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  for (const name of names) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
});

it('is taken up by the next process of the agent, which puts aside what is refused', async () => {
  const closed = new AbortController();
  const first = outbox(away, closed.signal);
  for (const index of [1, 2, 3]) await first.hand(request(index), away);
  closed.abort();
  await first.deliver();
  const taken: string[] = [];
  let outages = 2;
  const next = outbox(async ({ idempotencyKey }) => {
    if (outages-- > 0) return away();
    if (idempotencyKey === 'key-2') throw new SidecarError('TOPIC_FORBIDDEN');
    taken.push(idempotencyKey);
    return {};
  });
  await next.deliver();
  expect(taken).toEqual(['key-1', 'key-3']);
  expect(await next.waiting()).toBe(0);
  expect(await readdir(path)).toEqual([`000000000002${KEPT.refusedSuffix}`]);
});

it('passes on what the sidecar refuses, and does not keep without end', async () => {
  const closed = new AbortController();
  const box = outbox(away, closed.signal);
  const refusal = new SidecarError('TOPIC_FORBIDDEN');
  await expect(box.hand(request(0), () => Promise.reject(refusal))).rejects.toBe(refusal);
  expect(await box.waiting()).toBe(0);
  const large = { ...request(1), body: { text: 'x'.repeat(KEPT.maxBytes / 2) } };
  await box.hand(large, away);
  await expect(box.hand(large, away)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(await box.waiting()).toBe(1);
  closed.abort();
});

it('keeps the process alive while somebody waits for the delivery, and no longer (it ended in the middle, with 13)', async () => {
  const keepAlive = new Set<object>();
  const clock: Clock = {
    nowMs: () => systemClock.nowMs(),
    after(delayMs, call, background) {
      const timer = systemClock.after(delayMs, call, background);
      const kept = {};
      if (!background) keepAlive.add(kept);
      return { cancel: () => (keepAlive.delete(kept), timer.cancel()) };
    },
  };
  const seen: number[] = [];
  const sendKept = async (): Promise<object> => {
    seen.push(keepAlive.size);
    return seen.length < 3 ? away() : {};
  };
  const { signal } = new AbortController();
  const box = new Outbox({ folder: openFolder(path), sendKept, clock, random: () => 0, signal });
  await box.hand(request(1), away);
  expect(await box.flush()).toBe(0);
  // The pause after the first try had begun before anybody waited; from then on there is one that keeps it alive.
  expect(seen.slice(1)).toEqual([1, 1]);
  expect(keepAlive.size).toBe(0);
});
