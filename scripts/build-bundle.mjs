// Bundles the `sidecar` command and its workers into the directory that is named.
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './places.mjs';

const [place = ''] = process.argv.slice(2);
const making = `${place}.${process.pid}`;
/** Native code, WebAssembly and what loads its parts by name cannot be bundled. */
const external = [
  'better-sqlite3',
  'web-tree-sitter',
  '@vscode/tree-sitter-wasm',
  /^@secretlint\//,
  // Loaded only where traces are exported; its API is what prom-client looks at when it starts.
  /^@opentelemetry\/(?!api$)/,
  'gpt-tokenizer',
  /^gpt-tokenizer\//,
];

/** An import of one of Node’s modules: of it whole, of some names, or of both. */
const BUILTIN_IMPORT = /^import ((?:\* as )?[\w$]+)?(?:, )?(\{[^}]*\})? ?from "(node:[\w/]+)";$/gm;

/**
 * Takes Node’s own modules without `import`: that reads every export of theirs, and one of `node:http` loads a whole
 * HTTP client nobody uses, a tenth of the time to start.
 * @type {import('rolldown').Plugin}
 */
const builtinsWithoutImport = {
  name: 'builtins-without-import',
  renderChunk: (code) => code.replaceAll(BUILTIN_IMPORT, takeBuiltin),
};

/**
 * Writes what is not ASCII as escapes; comments are gone, so it stands in strings, templates and patterns only. Node
 * decodes such a file several times faster, and V8 keeps it in half the memory.
 * @type {import('rolldown').Plugin}
 */
const asciiOnly = {
  name: 'ascii-only',
  generateBundle(_options, files) {
    for (const file of Object.values(files)) if (file.type === 'chunk') file.code = escaped(file.code);
  },
};

/** @param {string} code */
function escaped(code) {
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * @param {string} _statement
 * @param {string | undefined} whole
 * @param {string | undefined} named
 * @param {string} module
 */
function takeBuiltin(_statement, whole, named, module) {
  const taken = `process.getBuiltinModule("${module}");`;
  const all = whole === undefined ? '' : `const ${whole.replace('* as ', '')} = ${taken}`;
  return named === undefined ? all : `${all} const ${named.replaceAll(' as ', ': ')} = ${taken}`;
}

const bundle = await rolldown({
  input: {
    main: join(root, 'packages/cli/src/main.ts'),
    'context-worker': join(root, 'packages/server/src/context/worker.ts'),
    'backup-worker': join(root, 'packages/server/src/storage/backup/worker.ts'),
    'checkpoint-worker': join(root, 'packages/server/src/storage/checkpoint/worker.ts'),
  },
  platform: 'node',
  plugins: [builtinsWithoutImport, asciiOnly],
  external,
  resolve: { conditionNames: ['@orchestration-sidecar/source', 'node', 'import', 'default'] },
  logLevel: 'warn',
});
await bundle.write({
  dir: making,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  comments: false,
});
await bundle.close();
cpSync(join(root, 'packages/server/src/storage/migrations'), join(making, 'migrations'), { recursive: true });
if (existsSync(place)) rmSync(making, { recursive: true });
else renameSync(making, place);
