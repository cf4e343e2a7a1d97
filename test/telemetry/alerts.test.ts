import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERRORS } from '@orchestration-sidecar/shared';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const rules = readFileSync(resolve(docs, 'alerts.yml'), 'utf8');
const operations = readFileSync(resolve(docs, 'operations.md'), 'utf8');

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
});
afterAll(() => sidecar[Symbol.asyncDispose]());

test('every metric, error code and label value of the alert rules is one of the sidecar’s', async () => {
  await sidecar.call('GET', '/api/issues/unknown');
  const metrics: string = (await sidecar.call('GET', '/metrics', { token: null })).body;
  const families = new Set([...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const used = [...rules.matchAll(/\b(?:sidecar|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name);
  expect(used.length).toBeGreaterThan(10);
  expect(used.filter((name) => !families.has(name.replace(/_bucket$/, '')))).toEqual([]);
  const codes = [...rules.matchAll(/code=~"([^"]+)"/g)].flatMap(([, list = '']) => list.split('|'));
  expect(codes.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
  for (const [, list = ''] of rules.matchAll(/sidecar_trace_spans_total\{outcome=~"([^"]+)"/g)) {
    for (const outcome of list.split('|')) expect(metrics).toContain(`sidecar_trace_spans_total{outcome="${outcome}"}`);
  }
});

test('operations.md says of every alert what to look at, and names only metrics that there are', async () => {
  const alerts = [...rules.matchAll(/- alert: Sidecar(\w+)/g)].map(([, name = '']) => name);
  expect(alerts.filter((name) => !new RegExp(`\`(?:Sidecar|…)${name}\``).test(operations))).toEqual([]);
  const metrics: string = (await sidecar.call('GET', '/metrics', { token: null })).body;
  const named = [...operations.matchAll(/`(sidecar_[a-z_]+[a-z])`/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([]);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
test.skipIf(!promtool)('promtool check rules passes (where promtool is installed)', () => {
  const { status, stderr } = spawnSync('promtool', ['check', 'rules', resolve(docs, 'alerts.yml')], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
