import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { main: 'src/main.ts', index: 'src/index.ts' },
  tsconfig: 'tsconfig.build.json',
  platform: 'node',
  target: 'node22',
  dts: { entry: ['src/index.ts'] },
  fixedExtension: false,
});
