import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { main: 'src/main.ts', index: 'src/index.ts' },
  platform: 'node',
  target: 'node22',
  dts: { entry: ['src/index.ts'] },
  fixedExtension: false,
});
