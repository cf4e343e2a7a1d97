import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Check } from '@orchestration-sidecar/shared';
import { findProgram } from './process/index.ts';

/** What shows that a project works, and how that is known. */
export interface ProjectChecks {
  readonly checks: readonly Check[];
  /** Where the checks were found, or why there are none. */
  readonly reason: string;
}

/** The user’s own word on what shows that the project works; relative to its root. */
export const CHECKS_FILE = '.sidecar/checks.json';

const ChecksFile = z.strictObject({
  $schema: z.string().optional(),
  checks: z.array(Check).max(16),
});

/** Names the processes of an issue’s check, to be found again by the next sidecar on this data directory and no other. */
export function checkMarker(dataDir: string, projectId: string, issueId: string): string {
  const name = [dataDir, projectId, issueId].join('\0');
  return `check-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

/** The root of a project: names in it, and texts of its files. */
interface Root {
  readonly names: ReadonlySet<string>;
  /** Text of a file; empty when it cannot be read. */
  text(name: string): Promise<string>;
}

/** A rule: the command that runs the tests of one kind of project; undefined: it is not of the kind. */
type Rule = (root: Root) => Promise<readonly string[] | undefined>;

/** What npm writes into a new package.json. */
const NO_TESTS = /no test specified/;

const JSON_RECORD = z.record(z.string(), z.unknown());

function scriptsIn(text: string, field: string): Readonly<Record<string, unknown>> {
  try {
    return JSON_RECORD.parse(JSON_RECORD.parse(JSON.parse(text))[field]);
  } catch {
    return {};
  }
}

/** Kinds of projects; a project of several gets a check for each. */
const RULES: Readonly<Record<string, Rule>> = {
  async 'package.json'(root) {
    const { test } = scriptsIn(await root.text('package.json'), 'scripts');
    if (typeof test !== 'string' || NO_TESTS.test(test)) return undefined;
    if (root.names.has('pnpm-lock.yaml')) return ['pnpm', 'test'];
    if (root.names.has('yarn.lock')) return ['yarn', 'test'];
    if (root.names.has('bun.lock') || root.names.has('bun.lockb')) return ['bun', 'run', 'test'];
    return ['npm', 'test'];
  },
  async 'deno.json'(root) {
    return 'test' in scriptsIn(await root.text('deno.json'), 'tasks') ? ['deno', 'task', 'test'] : undefined;
  },
  async pytest(root) {
    const said = await Promise.all(
      [
        'pyproject.toml',
        'setup.cfg',
        'tox.ini',
        'requirements.txt',
        'requirements-dev.txt',
        'dev-requirements.txt',
      ].map((name) => root.text(name)),
    );
    const uses = root.names.has('pytest.ini') || root.names.has('conftest.py') || /\bpytest\b/.test(said.join('\n'));
    return uses ? ['pytest'] : undefined;
  },
  'Cargo.toml': async () => ['cargo', 'test'],
  'go.mod': async () => ['go', 'test', './...'],
  'pom.xml': async (root) => [root.names.has('mvnw') ? './mvnw' : 'mvn', '--batch-mode', '--quiet', 'test'],
  'build.gradle': async (root) => [root.names.has('gradlew') ? './gradlew' : 'gradle', 'test'],
  'build.gradle.kts': async (root) => [root.names.has('gradlew') ? './gradlew' : 'gradle', 'test'],
  'mix.exs': async () => ['mix', 'test'],
  'Package.swift': async () => ['swift', 'test'],
  async 'composer.json'(root) {
    return 'test' in scriptsIn(await root.text('composer.json'), 'scripts') ? ['composer', 'test'] : undefined;
  },
  async Gemfile(root) {
    return /\brspec\b/.test(await root.text('Gemfile')) ? ['bundle', 'exec', 'rspec'] : undefined;
  },
};

/** Looked at when no kind is recognised: a target that many projects have for whatever language they are in. */
async function makeTarget(root: Root): Promise<readonly string[] | undefined> {
  const name = ['GNUmakefile', 'makefile', 'Makefile'].find((each) => root.names.has(each));
  if (name === undefined) return undefined;
  const target = /^(test|check)\s*:(?!=)/m.exec(await root.text(name))?.[1];
  return target === undefined ? undefined : ['make', target];
}

/**
 * What shows that a project works: what its user says in `.sidecar/checks.json`, else the tests that its manifests
 * name. A check whose program is not installed is left out and named: it says nothing about the project.
 * @param path where programs are looked for, as `PATH` has it.
 */
export async function projectChecks(projectDir: string, path: string): Promise<ProjectChecks> {
  const own = await readFile(join(projectDir, CHECKS_FILE), 'utf8').catch(() => undefined);
  if (own !== undefined) return readOwn(own);
  const names = new Set(await readdir(projectDir).catch(() => []));
  const root: Root = { names, text: (name) => readFile(join(projectDir, name), 'utf8').catch(() => '') };
  const found: Check[] = [];
  const missing: string[] = [];
  const add = async (from: string, command: readonly string[] | undefined): Promise<void> => {
    const [program = '', ...args] = command ?? [];
    if (program === '') return;
    const search = await findProgram(program, path, projectDir);
    if (search.kind === 'found') found.push(Check.parse({ name: `tests (${from})`, command: [search.path, ...args] }));
    else missing.push(`${program} (for ${from})`);
  };
  for (const [from, rule] of Object.entries(RULES)) {
    // `pytest` is the one rule that no file of its name calls for.
    if (from === 'pytest' || names.has(from)) await add(from, await rule(root));
  }
  if (found.length === 0 && missing.length === 0) await add('Makefile', await makeTarget(root));
  if (found.length > 0) return { checks: found, reason: `found in ${found.map(({ name }) => name).join(', ')}` };
  const why = missing.length > 0 ? `${missing.join(', ')} is not installed` : 'no tests were found in the project';
  return { checks: [], reason: `${why}; ${CHECKS_FILE} can say what to run` };
}

function readOwn(text: string): ProjectChecks {
  try {
    const { checks } = ChecksFile.parse(JSON.parse(text));
    return { checks, reason: checks.length > 0 ? `named by ${CHECKS_FILE}` : `${CHECKS_FILE} names none` };
  } catch {
    // Neither guessed at nor taken for passed: whoever wrote it wants to know.
    return { checks: [], reason: `${CHECKS_FILE} cannot be read as { "checks": [{ "name", "command" }] }` };
  }
}
