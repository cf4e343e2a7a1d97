/**
 * Measures: `npm run bench [events|agents|broker|context|relevance|clean-up|traces|start] [options]`; default `events`. Each prints a table; ratios hold
 * within one run, on one machine, at one time.
 */
const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  events: () => import('./events/main.ts'),
  agents: () => import('./agents.ts'),
  broker: () => import('./broker.ts'),
  context: () => import('./context.ts'),
  relevance: () => import('./relevance.ts'),
  'clean-up': () => import('./clean-up.ts'),
  traces: () => import('./traces.ts'),
  start: () => import('./start.ts'),
};

const named = process.argv[2];
const name = named !== undefined && named in BENCHES ? named : 'events';
if (named === name) process.argv.splice(2, 1);
await BENCHES[name]?.();
