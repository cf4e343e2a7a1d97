import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const packages = resolve(import.meta.dirname, '../../packages');
const server = join(packages, 'server/src');

/** Which rooms of the server a room may import, besides itself, telemetry, runtime and the shared package. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  api: ['broker', 'workflow', 'agents', 'context', 'results', 'events', 'issues', 'projects', 'maintenance'],
  maintenance: [
    'broker',
    'workflow',
    'agents',
    'context',
    'results',
    'events',
    'issues',
    'projects',
    'process',
    'storage',
  ],
  workflow: ['agents', 'results', 'events', 'issues', 'storage'],
  agents: ['process', 'events', 'storage'],
  context: ['process', 'results', 'storage'],
  results: ['events', 'storage'],
  issues: ['events', 'storage'],
  projects: ['storage'],
  events: ['storage'],
  broker: ['storage'],
  storage: [],
  process: [],
  telemetry: [],
  runtime: [],
};
const EVERYWHERE = ['telemetry', 'runtime'];
/** Rooms below telemetry may not look up. */
const BELOW: Readonly<Record<string, readonly string[]>> = { telemetry: ['runtime'], runtime: [] };

interface Import {
  readonly file: string;
  readonly target: string;
}

const isTest = (file: string): boolean => /\.test\.ts$|(^|\/)(test|temporary)-|\.bench\.ts$/.test(file);

function importsOf(root: string): Import[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !isTest(file))
    .flatMap((file) =>
      [
        ...readFileSync(join(root, file), 'utf8').matchAll(
          /^\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm,
        ),
      ].map((match) => ({ file, target: match[1] ?? match[2] ?? match[3] ?? '' })),
    );
}

const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : 'sidecar');

test('the rooms of the server import only what the plan allows', () => {
  const crossed = importsOf(server).flatMap(({ file, target }) => {
    if (!target.startsWith('.') || target.endsWith('/package.json')) return [];
    const from = roomOf(file);
    const to = roomOf(relative(server, resolve(server, dirname(file), target)));
    const allowed = [from, ...(ARROWS[from] ?? []), ...(BELOW[from] ?? EVERYWHERE)];
    return from === 'sidecar' || allowed.includes(to) ? [] : [`${file} → ${to}`];
  });
  expect(crossed).toEqual([]);
});

test('every room has its arrows in the table', () => {
  const rooms = readdirSync(server, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  expect(rooms.toSorted()).toEqual(Object.keys(ARROWS).toSorted());
});

test.each([
  ['drizzle-orm', /^storage\/|-store\.ts$/],
  ['better-sqlite3', /^storage\/|-store\.ts$/],
  ['node:child_process', /^process\//],
  ['fastify', /^api\//],
  ['ws', /^api\//],
])('only its own place imports %s', (library, places) => {
  const elsewhere = importsOf(server)
    .filter(({ target }) => target === library || target.startsWith(`${library}/`))
    .filter(({ file }) => !places.test(file));
  expect(elsewhere).toEqual([]);
});

test('one place reads the environment of the process', () => {
  const readers = readdirSync(server, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !isTest(file))
    .filter((file) => /process\.env\b/.test(readFileSync(join(server, file), 'utf8')));
  expect(readers).toEqual(['runtime/environment.ts']);
});

test.each([
  ['shared', []],
  ['sdk', ['@orchestration-sidecar/shared']],
])('the package %s depends on none of the others that it must not know', (name, allowed) => {
  // What starts a sidecar for users’ tests is an entry of its own, and the server an optional peer of it.
  const own = importsOf(join(packages, name, 'src')).filter(({ file }) => !file.startsWith('testing/'));
  const found = own.filter(
    ({ target }) => target.startsWith('@orchestration-sidecar/') && !allowed.some((each) => target.startsWith(each)),
  );
  expect(found).toEqual([]);
});

test('shared is pure: zod and itself', () => {
  const others = importsOf(join(packages, 'shared/src')).filter(
    ({ target }) => !target.startsWith('.') && target !== 'zod',
  );
  expect(others).toEqual([]);
});

test('no folder or file is a drawer for what has no place', () => {
  const drawers = readdirSync(packages, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      !file.includes('node_modules') && /(^|\/)(utils?|helpers?|managers?|services?|misc|common)(\.|\/|$)/.test(file),
  );
  expect(drawers).toEqual([]);
});
