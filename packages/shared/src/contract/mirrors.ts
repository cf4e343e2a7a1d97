import { z } from 'zod';
import { MirrorReport } from '../mirror.ts';
import { procedure } from '../procedure.ts';

/** The JSON files that show what the store holds. */
export const mirrors = {
  verify: procedure({
    name: 'mirrors.verify',
    kind: 'query',
    summary: 'Compares every mirror with the store.',
    input: z.strictObject({}),
    output: MirrorReport,
    access: 'operator',
    rest: { method: 'GET', path: '/api/mirrors' },
    errors: [],
  }),
  rebuild: procedure({
    name: 'mirrors.rebuild',
    kind: 'mutation',
    summary: 'Compares every mirror with the store and writes anew what differs.',
    input: z.strictObject({}),
    output: MirrorReport,
    access: 'operator',
    rest: { method: 'POST', path: '/api/mirrors/rebuild' },
    errors: [],
  }),
} as const;
