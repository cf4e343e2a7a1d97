import { defineConfig } from 'vitest/config';
import { defaultServerConditions } from 'vite';

const conditions = ['@orchestration-sidecar/source', ...defaultServerConditions];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.mjs'],
          // Reading the modules anew for each file took longer than most of the files do.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'promises', include: ['test/**/*.test.ts'], isolate: false } },
    ],
    pool: 'forks',
    // One worker leaves a third of two cores idle while it waits for the processes it started; more get in each other's way.
    maxWorkers: 2,
    // Children that tests start from source find the workspace packages the same way.
    execArgv: ['--conditions=@orchestration-sidecar/source'],
    // Conditions, not times, are what tests wait for; these only bound a failure on a busy machine.
    expect: { poll: { timeout: 20_000, interval: 25 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
