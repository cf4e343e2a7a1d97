import { z } from 'zod';
import { AgentId, AgentType, ProjectId, Timestamp } from '../ids.ts';
import { Permission } from '../permission.ts';
import { procedure } from '../procedure.ts';

const Grant = z
  .object({
    token: z.string().describe('JWT for `Authorization: Bearer`.'),
    token_type: z.literal('Bearer'),
    expires_at: Timestamp,
    agent_id: AgentId,
    agent_type: AgentType,
    project_id: ProjectId,
    permissions: z.array(Permission),
  })
  .meta({ id: 'TokenGrant' });

/** Tokens: who an agent is and what it may do. */
export const tokens = {
  create: procedure({
    name: 'tokens.create',
    kind: 'mutation',
    summary: 'Mints a token for an agent that the sidecar did not start.',
    input: z.strictObject({ agent_type: AgentType, project_id: ProjectId.optional() }),
    output: Grant,
    access: 'operator',
    rest: { method: 'POST', path: '/api/tokens' },
    errors: ['AGENT_TYPE_NOT_FOUND', 'PROJECT_NOT_FOUND', 'PROJECT_REQUIRED'],
  }),
  refresh: procedure({
    name: 'tokens.refresh',
    kind: 'mutation',
    summary: 'Answers a fresh token for the same agent; the old one ends after a short overlap.',
    input: z.strictObject({}),
    output: Grant,
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/tokens/refresh' },
    errors: ['AGENT_ENDED'],
  }),
} as const;
