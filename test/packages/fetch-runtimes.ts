import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FETCHED, PINNED } from './runtimes.ts';

// Fetches Bun and Deno for the test of the packages, which are too large to be dependencies: once, until another version
// is pinned. Their install scripts do not run; the programs lie in the packages of the platform.
const LOCK = 'package-lock.json';
const lockOf = (folder: string): string => readFileSync(join(folder, LOCK), 'utf8');

if (!existsSync(join(FETCHED, 'node_modules')) || lockOf(FETCHED) !== lockOf(PINNED)) {
  mkdirSync(FETCHED, { recursive: true });
  copyFileSync(join(PINNED, 'package.json'), join(FETCHED, 'package.json'));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS)/.test(name)));
  copyFileSync(join(PINNED, LOCK), join(FETCHED, LOCK));
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: FETCHED, env, stdio: 'inherit' });
}
