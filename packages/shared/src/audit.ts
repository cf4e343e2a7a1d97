import { z } from 'zod';
import { ProjectId, Timestamp } from './ids.ts';

/** One deed in the audit log. */
export const AuditRecord = z
  .object({
    sequence: z.int().positive().describe('Position in the chain; without gaps.'),
    at: Timestamp,
    actor: z.string().describe('Agent id, `operator`, `sidecar`, or `anonymous` for whoever could not say who it is.'),
    actor_type: z.string().describe('Agent type, `operator`, `sidecar` or `anonymous`.'),
    project_id: ProjectId.nullable(),
    action: z.string().describe('Procedure, or what the sidecar did by itself.'),
    target: z.string().nullable().describe('What it was done to.'),
    outcome: z.string().describe('`OK` or the error code.'),
    correlation_id: z.string().nullable(),
    count: z.int().positive().describe('How often, where several were taken together.'),
    detail: z.string().nullable(),
  })
  .meta({ id: 'AuditRecord' });
export type AuditRecord = z.infer<typeof AuditRecord>;

/** What checking the chain of audit records found. */
export const AuditVerdict = z
  .object({
    ok: z.boolean().describe('Whether every record is as it was written, in its place, and none is missing.'),
    records: z.int().nonnegative(),
    head: z.object({ sequence: z.int(), hash: z.string() }).nullable().describe('Newest record; keep it elsewhere.'),
    faults: z
      .array(z.object({ sequence: z.int(), fault: z.enum(['altered', 'missing', 'anchor']), detail: z.string() }))
      .describe('The first twenty.'),
    restorations: z
      .array(
        z.object({
          sequence: z.int().positive().describe('Record that tells of it.'),
          at: Timestamp.describe('First start afterwards.'),
          missing: z.int().nonnegative().describe('Records before it that were in the store that was replaced.'),
          detail: z.string(),
        }),
      )
      .describe('Restores of backups, the first twenty: what they took away is told and is no fault.'),
  })
  .meta({ id: 'AuditVerdict' });
export type AuditVerdict = z.infer<typeof AuditVerdict>;
