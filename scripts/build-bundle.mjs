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
  'gpt-tokenizer',
  /^gpt-tokenizer\//,
];

const bundle = await rolldown({
  input: {
    main: join(root, 'packages/cli/src/main.ts'),
    'context-worker': join(root, 'packages/server/src/context/worker.ts'),
    'backup-worker': join(root, 'packages/server/src/storage/backup/worker.ts'),
  },
  platform: 'node',
  external,
  resolve: { conditionNames: ['@orchestration-sidecar/source', 'node', 'import', 'default'] },
  logLevel: 'warn',
});
await bundle.write({ dir: making, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
await bundle.close();
cpSync(join(root, 'packages/server/src/storage/migrations'), join(making, 'migrations'), { recursive: true });
if (existsSync(place)) rmSync(making, { recursive: true });
else renameSync(making, place);
