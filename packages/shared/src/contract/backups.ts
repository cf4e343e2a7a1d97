import { z } from 'zod';
import { Backup, BackupProgress } from '../backup.ts';
import { procedure } from '../procedure.ts';

/** Backups of the whole store, made while the sidecar runs. Restoring one needs a stopped sidecar: `sidecar restore`. */
export const backups = {
  create: procedure({
    name: 'backups.create',
    kind: 'mutation',
    summary:
      'Makes a verified backup in the data directory, or answers the one under way; removes the oldest beyond what is kept.',
    input: z.strictObject({
      secrets: z
        .boolean()
        .default(false)
        .describe('Also the signing keys and the operator token: whoever has them is the operator. Default false.'),
    }),
    output: Backup,
    access: 'operator',
    rest: { method: 'POST', path: '/api/backups', status: 201 },
    errors: ['BACKUP_FAILED', 'DISK_QUOTA_EXCEEDED'],
    growth: 'large',
  }),
  list: procedure({
    name: 'backups.list',
    kind: 'query',
    summary: 'Lists the backups in the data directory, newest first, and how far the one under way is.',
    input: z.strictObject({}),
    output: z.object({
      backups: z.array(Backup),
      running: BackupProgress.nullable().describe('The backup under way; null: there is none.'),
      next_cursor: z.null(),
    }),
    access: 'operator',
    rest: { method: 'GET', path: '/api/backups' },
    errors: [],
  }),
} as const;
