import { z } from 'zod';
import { procedure } from '../procedure.ts';
import { Health, Liveness, Readiness, Status } from '../system.ts';

/** System: how the sidecar itself is. */
export const system = {
  health: procedure({
    name: 'system.health',
    kind: 'query',
    summary: 'Answers whether the sidecar is well.',
    input: z.strictObject({}),
    output: Health,
    access: 'public',
    rest: { method: 'GET', path: '/health' },
    errors: [],
    load: 'essential',
  }),
  live: procedure({
    name: 'system.live',
    kind: 'query',
    summary: 'Answers that the process is alive; looks at nothing else.',
    input: z.strictObject({}),
    output: Liveness,
    access: 'public',
    rest: { method: 'GET', path: '/health/live' },
    errors: [],
  }),
  ready: procedure({
    name: 'system.ready',
    kind: 'query',
    summary: 'Answers whether calls are served: started, not stopping, and the store takes writes.',
    input: z.strictObject({}),
    output: Readiness,
    access: 'public',
    rest: { method: 'GET', path: '/health/ready' },
    errors: ['STARTING', 'SHUTTING_DOWN', 'STORAGE_UNAVAILABLE'],
  }),
  status: procedure({
    name: 'system.status',
    kind: 'query',
    summary: 'Answers counts of agents, storage, events and the measured performance.',
    input: z.strictObject({}),
    output: Status,
    access: 'public',
    rest: { method: 'GET', path: '/status' },
    errors: [],
  }),
} as const;
