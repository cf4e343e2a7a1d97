import { z } from 'zod';
import { AgentId, AgentType, IdempotencyKey, IssueId, ProjectId, ResultId, Timestamp } from '../ids.ts';
import { Limit, PageCursor } from '../page.ts';
import { procedure } from '../procedure.ts';
import { ResultBody, ResultStatus, StoredResult } from '../result.ts';

/** Results: what agents hand in. */
export const results = {
  store: procedure({
    name: 'results.store',
    kind: 'mutation',
    summary: 'Stores the result of an agent’s work and announces it.',
    input: z.strictObject({
      agent_id: AgentId.optional().describe('Must equal the token’s `sub` when sent.'),
      agent_type: AgentType.optional().describe('Must equal the token’s agent type when sent.'),
      issue_id: IssueId,
      project_id: ProjectId.optional(),
      result: ResultBody,
      timestamp: Timestamp.optional(),
      idempotency_key: IdempotencyKey.optional(),
    }),
    output: z.object({
      id: ResultId,
      stored: z.literal(true),
      storage_path: z.string().describe('Path of the JSON mirror.'),
      next_agents: z.array(AgentType).describe('Agent types that go on from here.'),
      event_published: z.boolean(),
      event_id: z.string().nullable(),
    }),
    access: 'write_results',
    rest: {
      method: 'POST',
      path: '/api/results',
      status: 201,
      headers: { idempotency_key: 'idempotency-key' },
    },
    errors: [
      'ISSUE_NOT_FOUND',
      'PUBLISHER_MISMATCH',
      'AGENT_TYPE_FORBIDDEN',
      'IDEMPOTENCY_CONFLICT',
      'PAYLOAD_TOO_LARGE',
      'DISK_QUOTA_EXCEEDED',
    ],
    growth: 'by_size',
    load: 'essential',
  }),
  get: procedure({
    name: 'results.get',
    kind: 'query',
    summary: 'Answers one stored result.',
    input: z.strictObject({ id: ResultId, project_id: ProjectId.optional() }),
    output: StoredResult,
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/results/:id' },
    errors: ['RESULT_NOT_FOUND'],
  }),
  list: procedure({
    name: 'results.list',
    kind: 'query',
    summary: 'Lists results, newest first.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      issue_id: IssueId.optional(),
      agent_type: AgentType.optional(),
      status: ResultStatus.optional(),
      since: Timestamp.optional().describe('Stored at or after this time.'),
      until: Timestamp.optional().describe('Stored before this time.'),
      limit: Limit,
      cursor: PageCursor,
    }),
    output: z.object({ results: z.array(StoredResult), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/results' },
    errors: [],
  }),
} as const;
