import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** What is pinned: a package.json and its lock file. */
export const PINNED = join(import.meta.dirname, 'runtimes');
/** Where `npm run runtimes` puts it. */
export const FETCHED = join(root, 'node_modules/.cache/runtimes');

/** A JavaScript runtime, and what it says its version is. */
export interface JavaScriptRuntime {
  readonly path: string;
  readonly version: string;
}

/** A program of the machine that is not of this workspace; undefined when there is none. */
export function findOnMachine(program: string): JavaScriptRuntime | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((each) => !each.includes('node_modules'));
  return described(folders.map((each) => join(each, program)).find((each) => existsSync(each)));
}

/** Bun or Deno as `npm run runtimes` fetched it, else that of the machine. */
export function findRuntime(program: 'bun' | 'deno'): JavaScriptRuntime | undefined {
  const pattern = { bun: '@oven/bun-*/bin/bun', deno: '@deno/*/deno' }[program];
  const [fetched] = globSync(pattern, { cwd: join(FETCHED, 'node_modules') });
  return described(fetched && join(FETCHED, 'node_modules', fetched)) ?? findOnMachine(program);
}

function described(path: string | undefined): JavaScriptRuntime | undefined {
  if (path === undefined) return undefined;
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return status === 0 ? { path, version: stdout.trim().split('\n')[0] ?? '' } : undefined;
}
