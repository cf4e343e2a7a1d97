import { z } from 'zod';
import { Agent, AgentLogLine, AgentState, AgentStatus, QueuePlace, SpawnForecast } from '../agent.ts';
import { AgentId, AgentType, IdempotencyKey, IssueId, ProjectId } from '../ids.ts';
import { boundedRecord, text } from '../json.ts';
import { Limit, PageCursor, Wait } from '../page.ts';
import { procedure } from '../procedure.ts';
import { Launcher } from '../profile.ts';

/** What an agent is asked to do, and with what. */
const SpawnInput = {
  agent_type: AgentType,
  issue_id: IssueId,
  project_id: ProjectId.optional(),
  task: text(65_536).min(1).describe('What the agent shall do.'),
  context_requirements: z
    .array(z.string().min(1).max(64))
    .max(32)
    .optional()
    .describe('Narrows or extends the profile’s list (DECISIONS 21).'),
  environment: boundedRecord(
    z.record(
      z
        .string()
        .max(128)
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      text(32_768),
    ),
    256,
  )
    .default({})
    .describe('Environment of the agent; hijacking names are refused (DECISIONS 22).'),
  launcher: Launcher.optional().describe('Another launcher than the profile’s; for the operator only.'),
};

const SPAWN_REFUSALS = [
  'AGENT_TYPE_NOT_FOUND',
  'ISSUE_NOT_FOUND',
  'CONTEXT_REQUIREMENT_UNKNOWN',
  'ENVIRONMENT_FORBIDDEN',
  'LAUNCHER_UNAVAILABLE',
  'CIRCUIT_OPEN',
  'AGENT_LIMIT_REACHED',
  'SPAWN_DEPTH_EXCEEDED',
  'FAN_OUT_EXCEEDED',
  'PROJECT_LIMIT_REACHED',
] as const;

/** Agents: running instances of agent types. */
export const agents = {
  spawn: procedure({
    name: 'agents.spawn',
    kind: 'mutation',
    summary: 'Starts an agent process with its context and its token, or queues it until a slot is free.',
    input: z.strictObject({
      ...SpawnInput,
      traceparent: z
        .string()
        .max(512)
        .optional()
        .describe('W3C trace context that the agent goes on with; one that cannot be read is ignored.'),
      idempotency_key: IdempotencyKey.optional(),
    }),
    output: z.object({
      agent_id: AgentId,
      spawned: z.boolean().describe('Whether its process runs; false: it is queued, or has ended before it ran.'),
      process_id: z.int().nullable().describe('Null while it has no process.'),
      context_injected: z.boolean(),
      webhook_url: z.string().describe('Path that answers the agent’s status.'),
      state: AgentState,
      queue: QueuePlace.nullable().describe('Its place in the queue; null: it is not queued.'),
    }),
    access: 'spawn_agents',
    rest: {
      method: 'POST',
      path: '/api/agents/spawn',
      status: 201,
      headers: { idempotency_key: 'idempotency-key', traceparent: 'traceparent' },
    },
    errors: [...SPAWN_REFUSALS, 'AGENT_ENDED', 'IDEMPOTENCY_CONFLICT', 'DISK_QUOTA_EXCEEDED'],
    growth: 'large',
    deadlineMs: 180_000,
  }),
  preflight: procedure({
    name: 'agents.preflight',
    kind: 'query',
    summary: 'Answers what a spawn would do now, and what would free a slot; starts nothing.',
    input: z.strictObject({ ...SpawnInput, task: SpawnInput.task.optional() }),
    output: SpawnForecast,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/agents/preflight' },
    errors: ['AGENT_TYPE_NOT_FOUND', 'ISSUE_NOT_FOUND'],
  }),
  list: procedure({
    name: 'agents.list',
    kind: 'query',
    summary: 'Lists agents, newest first.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      issue_id: IssueId.optional(),
      agent_type: AgentType.optional(),
      parent_id: AgentId.optional().describe('Only those that this agent started.'),
      state: AgentState.optional(),
      live: z.boolean().optional().describe('Only those that run or are still to run; false: only the others.'),
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
    summary: 'Answers one agent: process, activity, outcome, usage, failed attempts, limits and the end of its log.',
    input: z.strictObject({ agent_id: AgentId, project_id: ProjectId.optional() }),
    output: AgentStatus,
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
    load: 'essential',
    deadlineMs: 180_000,
  }),
  stopAll: procedure({
    name: 'agents.stopAll',
    kind: 'mutation',
    summary: 'Stops every agent of an issue, of an agent type or of the whole project; answered when all have ended.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      issue_id: IssueId.optional(),
      agent_type: AgentType.optional(),
      reason: text(2000).default('stopped on request'),
    }),
    output: z.object({ agents: z.array(Agent).describe('Those that were stopped.'), next_cursor: z.null() }),
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/agents/stop' },
    errors: [],
    load: 'essential',
    deadlineMs: 180_000,
  }),
  logs: procedure({
    name: 'agents.logs',
    kind: 'query',
    summary: 'Reads an agent’s output from a position on; with `wait`, follows it.',
    input: z.strictObject({
      agent_id: AgentId,
      project_id: ProjectId.optional(),
      attempt: z.int().min(1).optional().describe('Default: the newest.'),
      stream: z.enum(['stdout', 'stderr']).default('stdout'),
      from_byte: z.int().min(0).default(0).describe('`next_byte` of the page before; 0 is the beginning.'),
      limit: Limit,
      wait: Wait,
    }),
    output: z.object({
      agent_id: AgentId,
      attempt: z.int(),
      stream: z.enum(['stdout', 'stderr']),
      lines: z.array(AgentLogLine),
      next_byte: z.int().describe('Where the next page begins.'),
      ended: z.boolean().describe('Whether this was the last page: the attempt is over and all of it was read.'),
    }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/agents/:agent_id/logs' },
    errors: ['AGENT_NOT_FOUND'],
    load: 'waits',
  }),
  script: procedure({
    name: 'agents.script',
    kind: 'query',
    summary: 'Renders the specification’s launch script for an agent that is started elsewhere.',
    input: z.strictObject({
      agent_type: AgentType,
      issue_id: IssueId,
      project_id: ProjectId.optional(),
      agent_id: AgentId.optional().describe('Agent the token belongs to; left out: the script takes `AGENT_ID`.'),
      program: z.string().min(1).max(4096).optional().describe('Program to run. Default: the profile’s.'),
    }),
    output: z.object({
      script: z.string().describe('Bash. Holds neither token nor task: it takes them when it runs.'),
      agent_type: AgentType,
      issue_id: IssueId,
      project_id: ProjectId,
    }),
    access: 'spawn_agents',
    rest: { method: 'GET', path: '/api/agents/script' },
    errors: ['AGENT_TYPE_NOT_FOUND', 'ISSUE_NOT_FOUND'],
  }),
} as const;
