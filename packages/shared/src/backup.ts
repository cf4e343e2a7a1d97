import { z } from 'zod';
import { Timestamp } from './ids.ts';

const Count = z.int().nonnegative();

/** A backup of the whole store. */
export const Backup = z
  .object({
    path: z.string().describe('Directory of the backup on the sidecar’s machine.'),
    created_at: Timestamp,
    version: z.string().describe('Version of the sidecar that made it.'),
    secrets: z.boolean().describe('Whether signing keys and the operator token are in it.'),
    counts: z.object({ projects: Count, issues: Count, results: Count, events: Count }),
    bytes: Count,
  })
  .meta({ id: 'Backup' });
export type Backup = z.infer<typeof Backup>;

/** How far a backup is. */
export const BackupProgress = z
  .object({ step: z.enum(['copying', 'checking']), done: Count, total: Count })
  .meta({ id: 'BackupProgress' });
