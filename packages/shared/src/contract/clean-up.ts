import { z } from 'zod';
import { CleanUpKind, CleanUpReport } from '../clean-up.ts';
import { procedure } from '../procedure.ts';

/** Clean-up of what has been kept long enough. It runs by itself; here it is asked for. */
export const cleanUp = {
  run: procedure({
    name: 'cleanUp.run',
    kind: 'mutation',
    summary: 'Removes what has been kept long enough, in small batches, or says what that would be.',
    input: z.strictObject({
      dry_run: z.boolean().default(false).describe('Only say what would be removed. Default false.'),
      kinds: z.array(CleanUpKind).min(1).max(20).optional().describe('Only these. Default: all.'),
    }),
    output: CleanUpReport,
    access: 'operator',
    rest: { method: 'POST', path: '/api/clean-up' },
    errors: [],
    load: 'waits',
  }),
} as const;
