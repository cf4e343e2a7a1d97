import { z } from 'zod';
import { AuditRecord, AuditVerdict } from '../audit.ts';
import { ProjectId, Timestamp } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { Limit, PageCursor } from '../page.ts';
import { procedure } from '../procedure.ts';

const Name = z.string().min(1).max(LIMITS.maxIdChars);

/** Audit: who did what to what, and what came of it. */
export const audit = {
  list: procedure({
    name: 'audit.list',
    kind: 'query',
    summary: 'Lists audit records, newest first.',
    input: z.strictObject({
      actor: Name.optional(),
      action: Name.optional(),
      outcome: Name.optional(),
      project_id: ProjectId.optional(),
      since: Timestamp.optional(),
      limit: Limit,
      cursor: PageCursor,
    }),
    output: z.object({ records: z.array(AuditRecord), next_cursor: z.string().nullable() }),
    access: 'operator',
    rest: { method: 'GET', path: '/api/audit' },
    errors: ['CURSOR_INVALID'],
  }),
  verify: procedure({
    name: 'audit.verify',
    kind: 'query',
    summary: 'Checks that no audit record was altered, removed or put elsewhere.',
    input: z.strictObject({}),
    output: AuditVerdict,
    access: 'operator',
    rest: { method: 'GET', path: '/api/audit/verify' },
    errors: [],
    deadlineMs: 180_000,
  }),
} as const;
