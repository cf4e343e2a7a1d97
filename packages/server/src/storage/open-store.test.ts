import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { dataDirAt } from './data-dir.ts';
import { openStore, type Store } from './open-store.ts';

const root = mkdtempSync(join(tmpdir(), 'sidecar-store-'));
const places = dataDirAt(root);
let store: Store | undefined;
afterEach(() => {
  store?.close();
  rmSync(root, { recursive: true, force: true });
});

function open(newEpoch: string): Store {
  store?.close();
  mkdirSync(dirname(places.eventLog), { recursive: true });
  mkdirSync(places.keys, { recursive: true });
  store = openStore(places, { newEpoch, nowMs: 0 });
  return store;
}

function mirrorShows(...cursors: string[]): void {
  const lines = cursors.map((cursor) => JSON.stringify({ event_id: 'evt', project_id: 'shop', cursor }));
  writeFileSync(places.eventLog, lines.join('\n'));
}

test('regression: a store that came back without acknowledged events gets a new epoch, so that no cursor skips any', () => {
  const before = open('firstepoch');
  before.driver.exec(`insert into log_positions (project_id, trimmed_sequence, head_sequence) values ('shop', 0, 7)`);
  mirrorShows('firstepoch.6', 'firstepoch.7');
  expect(open('secondepoch')).toMatchObject({ epoch: 'firstepoch', loss: null });
  mirrorShows('firstepoch.7', 'firstepoch.9');
  appendFileSync(places.eventLog, '\n{"event_id":"what a killed process did not fin');
  expect(open('secondepoch')).toMatchObject({
    epoch: 'secondepoch',
    loss: 'events 8 to 9 of project shop were acknowledged and are lost, with whatever was stored after them',
  });
  // Said once: what the mirror shows is of another epoch now.
  expect(open('thirdepoch')).toMatchObject({ epoch: 'secondepoch', loss: null });
});

test('regression: a directory that was used and has no store any more is refused, and what it has is left alone', () => {
  open('firstepoch').close();
  writeFileSync(places.auditAnchor, 'sealed');
  mirrorShows('firstepoch.1');
  writeFileSync(places.database, '');
  expect(() => open('secondepoch')).toThrow(/is gone or empty.+Nothing was changed.+sidecar restore/s);
  rmSync(places.database);
  expect(() => open('secondepoch')).toThrow(/keys\/audit\.head says so/);
  expect(existsSync(places.database)).toBe(false);
});
