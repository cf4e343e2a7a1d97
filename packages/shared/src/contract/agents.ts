import { z } from 'zod';
import { Agent, AgentState } from '../agent.ts';
import { AgentId, AgentType, IdempotencyKey, IssueId, ProjectId } from '../ids.ts';
import { isCleanText, text } from '../json.ts';
import { Limit, PageCursor } from '../page.ts';
import { procedure } from '../procedure.ts';
import { Launcher } from '../profile.ts';

/** Agents: running instances of agent types. */
export const agents = {
  spawn: procedure({
    name: 'agents.spawn',
    kind: 'mutation',
    summary: 'Starts an agent process with its context and its token.',
    input: z.strictObject({
      agent_type: AgentType,
      issue_id: IssueId,
      project_id: ProjectId.optional(),
      task: text(65_536).min(1).describe('What the agent shall do.'),
      context_requirements: z
        .array(z.string().min(1).max(64))
        .max(32)
        .optional()
        .describe('Narrows or extends the profile’s list (DECISIONS 21).'),
      environment: z
        .record(
          z
            .string()
            .max(128)
            .regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
          z.string().max(32_768).refine(isCleanText, 'holds NUL or a lone surrogate'),
        )
        .default({})
        .describe('Environment of the agent; hijacking names are refused (DECISIONS 22).'),
      launcher: Launcher.optional().describe('Another launcher than the profile’s; for the operator only.'),
      idempotency_key: IdempotencyKey.optional(),
    }),
    output: z.object({
      agent_id: AgentId,
      spawned: z.literal(true),
      process_id: z.int().nullable(),
      context_injected: z.boolean(),
      webhook_url: z.string().describe('Path that answers the agent’s status.'),
    }),
    access: 'spawn_agents',
    rest: {
      method: 'POST',
      path: '/api/agents/spawn',
      status: 201,
      headers: { idempotency_key: 'idempotency-key' },
    },
    errors: [
      'AGENT_TYPE_NOT_FOUND',
      'ISSUE_NOT_FOUND',
      'CONTEXT_REQUIREMENT_UNKNOWN',
      'ENVIRONMENT_FORBIDDEN',
      'LAUNCHER_UNAVAILABLE',
      'AGENT_LIMIT_REACHED',
      'IDEMPOTENCY_CONFLICT',
    ],
  }),
  list: procedure({
    name: 'agents.list',
    kind: 'query',
    summary: 'Lists agents, newest first.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      issue_id: IssueId.optional(),
      agent_type: AgentType.optional(),
      state: AgentState.optional(),
      limit: Limit,
      cursor: PageCursor,
    }),
    output: z.object({ agents: z.array(Agent), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/agents' },
    errors: [],
  }),
  status: procedure({
    name: 'agents.status',
    kind: 'query',
    summary: 'Answers one agent: process state, activity, outcome, usage and the end of its log.',
    input: z.strictObject({ agent_id: AgentId, project_id: ProjectId.optional() }),
    output: z.object({ ...Agent.shape, log_tail: z.array(z.string()).describe('Last lines of the agent’s output.') }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/agents/:agent_id/status' },
    errors: ['AGENT_NOT_FOUND'],
  }),
  stop: procedure({
    name: 'agents.stop',
    kind: 'mutation',
    summary: 'Stops an agent, gracefully first; stopping an ended agent changes nothing.',
    input: z.strictObject({
      agent_id: AgentId,
      project_id: ProjectId.optional(),
      reason: text(2000).default('stopped on request'),
    }),
    output: Agent,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/agents/:agent_id/stop' },
    errors: ['AGENT_NOT_FOUND'],
  }),
} as const;
