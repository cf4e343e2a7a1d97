import { z } from 'zod';

/** How much is logged: what is named and everything graver. */
export const LogLevel = z.enum(['silent', 'error', 'warn', 'info', 'debug']);
export type LogLevel = z.infer<typeof LogLevel>;
