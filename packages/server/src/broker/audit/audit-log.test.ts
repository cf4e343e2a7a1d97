import { join } from 'node:path';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FakeClock } from '../../runtime/fake-clock.ts';
import { createIds } from '../../runtime/ids.ts';
import { openTemporaryStore, type TemporaryStore } from '../../storage/temporary-store.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { AuditLog } from './audit-log.ts';
import { AuditStore } from './audit-store.ts';
import { noteRestoration } from './restore-note.ts';

const clock = new FakeClock();
const open = (store: TemporaryStore): Promise<AuditLog> => {
  mkdirSync(join(store.directory, 'keys'), { recursive: true });
  return AuditLog.open({
    store: new AuditStore(store.database),
    writer: store.writer,
    clock,
    logger: silentLogger,
    keyFile: join(store.directory, 'keys/audit.key'),
    anchorFile: join(store.directory, 'keys/audit.head'),
    restoredFile: join(store.directory, 'keys/audit.restored'),
    secret: (bytes) => createIds(() => clock.nowMs()).secret(bytes),
  });
};
const fill = async (log: AuditLog, count: number): Promise<void> => {
  for (let n = 1; n <= count; n += 1) await log.record({ action: `deed-${n}`, actor: 'operator' });
};

test('records who did what, counts floods, and finds itself whole, also after a restart', async () => {
  using store = openTemporaryStore();
  const log = await open(store);
  await fill(log, 3);
  for (let n = 0; n < 1000; n += 1) log.count({ action: 'events.list', actor: 'anonymous', outcome: 'TOKEN_INVALID' });
  const [flood, last] = await log.list({ limit: 2 });
  expect(flood).toMatchObject({ sequence: 4, action: 'events.list', outcome: 'TOKEN_INVALID', count: 1000 });
  expect(last).toMatchObject({ sequence: 3, action: 'deed-3', actor: 'operator', outcome: 'OK', count: 1 });
  expect(await log.list({ actor: 'anonymous', limit: 9 })).toHaveLength(1);
  await log.close();
  using again = store.reopen();
  const second = await open(again);
  await fill(second, 1);
  expect(await second.verify()).toMatchObject({ ok: true, records: 5, head: { sequence: 5 }, faults: [] });
});

test('a process killed before it noted its first records leaves a log that is whole', async () => {
  using store = openTemporaryStore();
  await fill(await open(store), 3);
  using again = store.reopen();
  const second = await open(again);
  expect(await second.verify()).toMatchObject({ ok: true, records: 3, faults: [] });
});

test('what is undone with its transaction leaves no trace and no gap', async () => {
  using store = openTemporaryStore();
  const log = await open(store);
  const undone = store.writer.write((transaction) => {
    log.append(transaction, { action: 'undone' });
    throw new Error('no');
  });
  const kept = log.record({ action: 'kept' });
  await expect(undone).rejects.toThrow('no');
  await kept;
  expect(await log.list({ limit: 9 })).toMatchObject([{ sequence: 1, action: 'kept' }]);
  expect(await log.verify()).toMatchObject({ ok: true, records: 1 });
});

test.each([
  ['an altered record', "update audit set body = replace(body, 'deed-3', 'deed-9') where sequence = 3", 3, 'altered'],
  ['an altered time', 'update audit set at_ms = at_ms + 1 where sequence = 3', 3, 'altered'],
  ['a removed record', 'delete from audit where sequence = 3', 3, 'missing'],
  ['a removed beginning', 'delete from audit where sequence <= 2', 1, 'missing'],
  ['a removed end', 'delete from audit where sequence >= 5', 5, 'missing'],
  ['all removed', 'delete from audit', 1, 'missing'],
  [
    'two records that changed places',
    `update audit set sequence = 99 where sequence = 2; update audit set sequence = 2 where sequence = 3;
     update audit set sequence = 3 where sequence = 99`,
    2,
    'altered',
  ],
])('%s is found, at once and after a restart', async (_what, sql, sequence, fault) => {
  using store = openTemporaryStore();
  const log = await open(store);
  await fill(log, 6);
  await log.close();
  store.database.driver.exec(sql);
  const found = { ok: false, faults: expect.arrayContaining([expect.objectContaining({ sequence, fault })]) };
  expect(await log.verify()).toMatchObject(found);
  using again = store.reopen();
  const second = await open(again);
  await fill(second, 2);
  expect(await second.verify()).toMatchObject({ ok: false });
});

test('an end that was cut off together with its anchor is found all the same', async () => {
  using store = openTemporaryStore();
  const log = await open(store);
  await fill(log, 4);
  await log.close();
  const anchor = join(store.directory, 'keys/audit.head');
  const row = store.database.driver.prepare('select hash from audit where sequence = 2').pluck().get();
  store.database.driver.exec('delete from audit where sequence > 2');
  // Whoever has no key cannot write an anchor that says that the log ended earlier; nor can it be left out.
  const forged = readFileSync(anchor, 'utf8').replace('"sequence":4', '"sequence":2');
  writeFileSync(anchor, forged.replace(/"hash":"[0-9a-f]+"/, `"hash":"${String(row)}"`));
  using again = store.reopen();
  const second = await open(again);
  expect(await second.verify()).toMatchObject({ ok: false });
  await second.close();
  rmSync(anchor);
  using third = again.reopen();
  expect(await (await open(third)).verify()).toMatchObject({ ok: false });
});

test('retention leaves a chain that can still be checked, and not be shortened further', async () => {
  using store = openTemporaryStore();
  const log = await open(store);
  await fill(log, 20);
  await log.trim(0, 5);
  const kept = await log.list({ limit: 100 });
  expect(kept.at(-1)).toMatchObject({ sequence: 16 });
  expect(kept[0]).toMatchObject({ action: 'audit.trimmed', target: '15' });
  expect(await log.verify()).toMatchObject({ ok: true });
  clock.advance(1000);
  await log.trim(clock.nowMs(), 1000);
  expect(await log.verify()).toMatchObject({ ok: true });
  await fill(log, 3);
  store.database.driver.exec('delete from audit where sequence = (select min(sequence) from audit)');
  expect(await log.verify()).toMatchObject({ ok: false });
});

function restoreFiles({ directory }: TemporaryStore): Parameters<typeof noteRestoration>[0] {
  return {
    auditKey: join(directory, 'keys/audit.key'),
    auditAnchor: join(directory, 'keys/audit.head'),
    auditRestored: join(directory, 'keys/audit.restored'),
  };
}

/** Puts the store back to where it ended with a record, as restoring a backup from then does. */
function cutAt({ database: { driver } }: TemporaryStore, sequence: number): { sequence: number; hash: string } {
  driver.prepare('delete from audit where sequence > ?').run(sequence);
  const hash = driver.prepare<[number], string>('select hash from audit where sequence = ?').pluck().get(sequence);
  return { sequence, hash: hash ?? '' };
}

test('a note of a restore that was changed by somebody without the key excuses nothing', async () => {
  using store = openTemporaryStore();
  const files = restoreFiles(store);
  const log = await open(store);
  await fill(log, 6);
  await log.close();
  noteRestoration(files, { head: cutAt(store, 4), detail: 'backup of yesterday' }, clock.nowMs());
  const forged = readFileSync(files.auditRestored, 'utf8').replace('yesterday', 'last year');
  writeFileSync(files.auditRestored, forged, { mode: 0o600 });
  using restored = store.reopen();
  expect(await (await open(restored)).verify()).toMatchObject({ ok: false, restorations: [] });
});

test('a process killed just after it told of a restore leaves a log that is whole', async () => {
  using store = openTemporaryStore();
  const files = restoreFiles(store);
  const log = await open(store);
  await fill(log, 6);
  await log.close();
  noteRestoration(files, { head: cutAt(store, 4), detail: 'backup of yesterday' }, clock.nowMs());
  using restored = store.reopen();
  await open(restored);
  using again = restored.reopen();
  expect(await (await open(again)).verify()).toMatchObject({ ok: true, faults: [] });
});

test('a restore is told of once, and its note cannot be used again', async () => {
  using store = openTemporaryStore();
  const files = restoreFiles(store);
  const log = await open(store);
  await fill(log, 6);
  await log.close();
  noteRestoration(files, { head: cutAt(store, 4), detail: 'backup of yesterday' }, clock.nowMs());
  const note = readFileSync(files.auditRestored);

  using restored = store.reopen();
  const second = await open(restored);
  expect(existsSync(files.auditRestored)).toBe(false);
  const told = { sequence: 7, at: expect.any(String), missing: 2, detail: 'backup of yesterday' };
  expect(await second.verify()).toMatchObject({ ok: true, faults: [], restorations: [told] });
  await second.close();

  using again = restored.reopen();
  const third = await open(again);
  expect(await third.verify()).toMatchObject({ ok: true, records: 5, restorations: [told] });
  await third.close();

  cutAt(again, 4);
  writeFileSync(files.auditRestored, note, { mode: 0o600 });
  using abused = again.reopen();
  expect(await (await open(abused)).verify()).toMatchObject({ ok: false });
});
