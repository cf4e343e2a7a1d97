import { defineConfig } from 'tsdown';

/**
 * Migrations, profiles and the context worker are found beside the code, so they are copied and named as it expects.
 * `dist/run` is where `npm start` keeps its own bundles; they are neither removed nor published.
 */
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    config: 'src/runtime/config.ts',
    maintenance: 'src/maintenance/offline.ts',
    profiles: 'src/agents/profiles/index.ts',
    'context-worker': 'src/context/worker.ts',
    'backup-worker': 'src/storage/backup/worker.ts',
    'checkpoint-worker': 'src/storage/checkpoint/worker.ts',
  },
  tsconfig: 'tsconfig.build.json',
  platform: 'node',
  target: 'node22',
  dts: true,
  clean: false,
  hash: false,
  fixedExtension: false,
  copy: [
    { from: 'src/storage/migrations', to: 'dist' },
    { from: '../../profiles', to: 'dist' },
  ],
});
