import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBundled } from './bundle.mjs';
import { root } from './places.mjs';

/**
 * @typedef {object} Command
 * @property {(node: string) => string[]} argv what Node gets; asked only after the install
 * @property {boolean} [quiet] says nothing when there is nothing to install
 * @property {boolean} [keepsCallerDirectory] runs where the caller stands instead of in the root
 */

/** @type {ReadonlyMap<string, Command>} */
export const commands = new Map(
  /** @type {[string, Command][]} */ ([
    ['start', { argv: (node) => [ensureBundled(node), 'serve'], keepsCallerDirectory: true }],
    ['sidecar', { argv: (node) => [ensureBundled(node)], keepsCallerDirectory: true, quiet: true }],
    ['test', { argv: () => tool('vitest', 'run') }],
    ['runtimes', { argv: () => source('test/packages/fetch-runtimes.ts') }],
    ['check', { argv: () => tool('typescript:tsc', '--project', 'tsconfig.json') }],
    ['lint', { argv: () => tool('oxlint') }],
    ['format', { argv: () => tool('oxfmt') }],
    ['format:check', { argv: () => tool('oxfmt', '--check') }],
    ['generate', { argv: () => source('scripts/generate.ts') }],
    ['changeset', { argv: () => tool('@changesets/cli:changeset') }],
    ['version', { argv: () => source('scripts/version.ts') }],
    ['knip', { argv: () => tool('knip') }],
    ['demo', { argv: (node) => source('demo/main.ts', '--sidecar', ensureBundled(node)) }],
    ['bench', { argv: () => source('test/bench/main.ts') }],
    ['soak', { argv: () => source('test/soak/main.ts') }],
    ['bench:context', { argv: () => source('test/bench/context.ts') }],
    ['bench:relevance', { argv: () => source('test/bench/relevance.ts'), keepsCallerDirectory: true }],
    [
      'db:generate',
      { argv: () => withSource(tool('drizzle-kit', 'generate', '--config=packages/server/drizzle.config.ts')) },
    ],
  ]),
);

/**
 * Packages of the workspace are found as source, not as a build.
 * @param {string[]} argv
 */
function withSource(argv) {
  return ['--conditions=@orchestration-sidecar/source', ...argv];
}

/**
 * One of our own programs, run from source.
 * @param {string} file
 * @param {string[]} args
 */
function source(file, ...args) {
  return withSource([join(root, file), ...args]);
}

/**
 * A command that an installed package brings: `<package>`, or `<package>:<command>` where the names differ.
 * @param {string} name
 * @param {string[]} args
 */
function tool(name, ...args) {
  const [packageName = name, command = packageName] = name.split(':');
  const directory = join(root, 'node_modules', packageName);
  /** @type {{ bin: string | Record<string, string> }} */
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const file = typeof bin === 'string' ? bin : bin[command];
  if (file === undefined) throw new Error(`${packageName} brings no command "${command}"`);
  return [join(directory, file), ...args];
}
