import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { projectChecks } from './project-checks.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sidecar-checks-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A directory that has all these programs. */
function pathWith(...programs: string[]): string {
  const bin = join(root, '..', `${root.split('/').at(-1)}-bin`);
  mkdirSync(bin, { recursive: true });
  for (const program of programs) writeFileSync(join(bin, program), '#!/bin/sh\n', { mode: 0o755 });
  return bin;
}
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}
const programsOf = async (path: string): Promise<string[]> =>
  (await projectChecks(root, path)).checks.map(({ command }) =>
    [command[0]?.split('/').at(-1), ...command.slice(1)].join(' '),
  );

describe('the tests of a project are found in its manifests', () => {
  const all = ['npm', 'pnpm', 'yarn', 'bun', 'deno', 'pytest', 'cargo', 'go', 'mvn', 'gradle', 'make', 'mix', 'bundle'];
  test.for<[Readonly<Record<string, string>>, string[]]>([
    [{ 'package.json': '{"scripts":{"test":"vitest run"}}' }, ['npm test']],
    [{ 'package.json': '{"scripts":{"test":"vitest run"}}', 'pnpm-lock.yaml': '' }, ['pnpm test']],
    [{ 'package.json': '{"scripts":{"test":"jest"}}', 'yarn.lock': '' }, ['yarn test']],
    [{ 'package.json': '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}' }, []],
    [{ 'package.json': 'not json' }, []],
    [{ 'pyproject.toml': '[tool.pytest.ini_options]\n' }, ['pytest']],
    [{ 'requirements.txt': 'fastapi\npytest==8\n' }, ['pytest']],
    [{ 'pyproject.toml': '[project]\nname = "x"\n' }, []],
    [{ 'Cargo.toml': '[package]' }, ['cargo test']],
    [{ 'go.mod': 'module x' }, ['go test ./...']],
    [{ 'pom.xml': '<project/>' }, ['mvn --batch-mode --quiet test']],
    [{ 'build.gradle.kts': '' }, ['gradle test']],
    [{ Gemfile: 'gem "rspec"' }, ['bundle exec rspec']],
    [{ Makefile: 'build:\n\ttrue\ntest: build\n\ttrue\n' }, ['make test']],
    [{ Makefile: 'test := x\n' }, []],
    [{ 'go.mod': 'module x', Makefile: 'test:\n' }, ['go test ./...']],
    [{ 'go.mod': 'module x', 'package.json': '{"scripts":{"test":"x"}}' }, ['npm test', 'go test ./...']],
  ])('%j', async ([files, expected]) => {
    write(files);
    expect(await programsOf(pathWith(...all))).toEqual(expected);
  });
});

test('a wrapper of the project’s own is preferred', async () => {
  write({ 'build.gradle': '' });
  writeFileSync(join(root, 'gradlew'), '#!/bin/sh\n', { mode: 0o755 });
  const { checks } = await projectChecks(root, '/nowhere');
  expect(checks).toMatchObject([{ command: [join(root, 'gradlew'), 'test'] }]);
});

test('a program that is not installed says nothing about the project, and is named', async () => {
  write({ 'Cargo.toml': '' });
  expect(await projectChecks(root, '/nowhere')).toEqual({
    checks: [],
    reason: 'cargo (for Cargo.toml) is not installed; .sidecar/checks.json can say what to run',
  });
});

test('the user has the first word', async () => {
  write({
    'package.json': '{"scripts":{"test":"x"}}',
    '.sidecar/checks.json': '{"checks":[{"name":"quick","command":["make","quick"],"timeout_seconds":9}]}',
  });
  expect(await projectChecks(root, pathWith('npm'))).toEqual({
    checks: [{ name: 'quick', command: ['make', 'quick'], timeout_seconds: 9 }],
    reason: 'named by .sidecar/checks.json',
  });
});

test.each(['{', '[]', '{"checks":[{"name":"x","command":[]}]}'])('%s is not guessed at', async (text) => {
  write({ 'package.json': '{"scripts":{"test":"x"}}', '.sidecar/checks.json': text });
  const { checks, reason } = await projectChecks(root, pathWith('npm'));
  expect(checks).toEqual([]);
  expect(reason).toContain('.sidecar/checks.json cannot be read');
});
