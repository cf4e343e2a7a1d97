import { defineConfig } from 'vitest/config';
import { defaultServerConditions } from 'vite';

const conditions = ['@orchestration-sidecar/source', ...defaultServerConditions];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.mjs'],
    pool: 'forks',
    // Children that tests start from source find the workspace packages the same way.
    execArgv: ['--conditions=@orchestration-sidecar/source'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['default'],
  },
});
