import { z } from 'zod';
import { procedure } from '../procedure.ts';
import { Health, Status } from '../system.ts';

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
