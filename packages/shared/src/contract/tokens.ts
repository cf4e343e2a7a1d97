import { z } from 'zod';
import { AgentId, AgentType, ProjectId, Timestamp } from '../ids.ts';
import { Permission } from '../permission.ts';
import { LIMITS } from '../limits.ts';
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

const TokenState = z.object({
  active: z.boolean().describe('Whether the token is good now.'),
  reason: z.enum(['TOKEN_INVALID', 'TOKEN_EXPIRED', 'TOKEN_REVOKED']).nullable().describe('Why it is not; else null.'),
  holder: z.enum(['operator', 'agent']).nullable().describe('Whose it is; null while it is not active.'),
  token_id: z.string().nullable().describe('The `jti`, to revoke it by; null for the operator’s.'),
  agent_id: AgentId.nullable(),
  agent_type: AgentType.nullable(),
  project_id: ProjectId.nullable(),
  permissions: z.array(Permission),
  expires_at: Timestamp.nullable().describe('Null: it does not expire, or is not active.'),
});

const LiveKeys = z.object({
  kid: z.string().describe('Key that signs from now on.'),
  former: z
    .array(z.object({ kid: z.string(), verifies_until: Timestamp }))
    .describe('Keys that no longer sign; tokens of theirs are good until then.'),
});

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
    load: 'essential',
  }),
  revoke: procedure({
    name: 'tokens.revoke',
    kind: 'mutation',
    summary:
      'Ends tokens at once: one, those of an agent, those of a project, or all. Open subscriptions end with them.',
    input: z
      .strictObject({
        token_id: z.string().min(1).max(LIMITS.maxIdChars).optional().describe('One token, by its `jti`.'),
        agent_id: AgentId.optional().describe('All tokens of an agent.'),
        project_id: ProjectId.optional().describe('All tokens of a project.'),
        all: z.literal(true).optional().describe('All tokens of all agents.'),
      })
      .refine((named) => Object.values(named).filter((value) => value !== undefined).length === 1, {
        message: 'name exactly one of token_id, agent_id, project_id and all',
      })
      .meta({ examples: [{ agent_id: 'python-specialist-0198c2f0-5b1e-7c3a-9d55-2f6d1c0a7e11' }] }),
    output: z.object({ revoked: z.int().nonnegative().describe('Tokens that were good until now.') }),
    access: 'operator',
    rest: { method: 'POST', path: '/api/tokens/revoke' },
    errors: [],
  }),
  // A mutation, so that the token travels in a body and never in a URL.
  introspect: procedure({
    name: 'tokens.introspect',
    kind: 'mutation',
    summary: 'Answers what a token is good for (RFC 7662): an agent asks about its own, the operator about any.',
    input: z.strictObject({
      token: z.string().min(1).max(8192).optional().describe('Default: the token that asks.'),
    }),
    output: TokenState,
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/tokens/introspect' },
    errors: [],
  }),
  rotateKeys: procedure({
    name: 'tokens.rotateKeys',
    kind: 'mutation',
    summary: 'Lets a new key sign tokens; those of the key before stay good until they expire, unless it has leaked.',
    input: z.strictObject({
      leaked: z
        .boolean()
        .default(false)
        .describe('Trust no earlier key any more: all tokens of all agents end at once. Default false.'),
    }),
    output: LiveKeys,
    access: 'operator',
    rest: { method: 'POST', path: '/api/tokens/rotate-keys' },
    errors: [],
  }),
} as const;
