import { z } from 'zod';
import { procedure } from '../procedure.ts';
import { LogLevel } from '../log-level.ts';

/** The sidecar’s own log. */
export const logs = {
  level: procedure({
    name: 'logs.level',
    kind: 'mutation',
    summary: 'Changes how much is logged, until it is changed again or the sidecar starts anew.',
    input: z.strictObject({ level: LogLevel }),
    output: z.object({ level: LogLevel, previous: LogLevel }),
    access: 'operator',
    rest: { method: 'POST', path: '/api/logs/level' },
    errors: [],
  }),
} as const;
