import { defineConfig } from 'tsdown';

/** Modules stay one to one, so that `#platform` is resolved where the package is used: by runtime or by bundler. */
export default defineConfig({
  entry: [
    'src/index.ts',
    'src/router.ts',
    'src/testing/index.ts',
    'src/testing/scripted-agent.ts',
    'src/platform/node.ts',
    'src/platform/web.ts',
  ],
  tsconfig: 'tsconfig.build.json',
  platform: 'neutral',
  target: 'es2022',
  dts: { entry: ['src/index.ts', 'src/router.ts', 'src/testing/index.ts'] },
  hash: false,
  fixedExtension: false,
  deps: { neverBundle: ['#platform', /^node:/] },
});
