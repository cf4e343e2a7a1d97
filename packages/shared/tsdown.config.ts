import { defineConfig } from 'tsdown';

/** Published beside the SDK and not bundled into it, so that `SidecarError` is one class wherever both are used. */
export default defineConfig({
  entry: ['src/index.ts'],
  tsconfig: 'tsconfig.build.json',
  platform: 'neutral',
  target: 'es2022',
  dts: true,
  fixedExtension: false,
});
