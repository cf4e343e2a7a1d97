import { z } from 'zod';
import { AgentContext } from '../context.ts';
import { AgentType, IssueId, ProjectId } from '../ids.ts';
import { text } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { procedure } from '../procedure.ts';

const Bounds = {
  max_bytes: z
    .int()
    .min(1024)
    .max(LIMITS.maxContextBytes)
    .optional()
    .describe('Hard upper bound of the serialised context. Default 10 MB.'),
  max_tokens: z
    .int()
    .min(256)
    .max(10_000_000)
    .optional()
    .describe('Hard upper bound in tokens of `o200k_base`. Default: none but `max_bytes`.'),
};
const Target = { issue_id: IssueId, agent_type: AgentType, project_id: ProjectId.optional() };

/** Context: what an agent is shown of the project. */
export const context = {
  get: procedure({
    name: 'context.get',
    kind: 'query',
    summary: 'Answers the context of an agent type for an issue: the files that matter, git, earlier outputs.',
    input: z.strictObject({
      ...Target,
      ...Bounds,
      format: z.literal('json').optional().describe('`json`; over REST also `markdown`, see `context.prompt`.'),
    }),
    output: AgentContext,
    access: 'read_context',
    rest: {
      method: 'GET',
      path: '/api/context/:issue_id/:agent_type',
      formats: {
        markdown: { procedure: 'context.prompt', field: 'prompt', contentType: 'text/markdown; charset=utf-8' },
      },
    },
    errors: ['ISSUE_NOT_FOUND', 'AGENT_TYPE_NOT_FOUND', 'AGENT_TYPE_FORBIDDEN'],
    deadlineMs: 180_000,
  }),
  prompt: procedure({
    name: 'context.prompt',
    kind: 'query',
    summary: 'Answers the context as Markdown, ready to hand to a model; what others wrote is fenced, with its origin.',
    input: z.strictObject({ ...Target, ...Bounds }),
    output: z.object({ prompt: z.string() }),
    access: 'read_context',
    rest: { method: 'GET', path: '/api/context/:issue_id/:agent_type/prompt' },
    errors: ['ISSUE_NOT_FOUND', 'AGENT_TYPE_NOT_FOUND', 'AGENT_TYPE_FORBIDDEN'],
    deadlineMs: 180_000,
  }),
  file: procedure({
    name: 'context.file',
    kind: 'query',
    summary: 'Answers one file of the project, under the rules that hold for the context.',
    input: z.strictObject({ ...Target, path: text(4096).min(1).describe('Path relative to the project root.') }),
    output: z.object({
      path: z.string(),
      content: z.string(),
      size: z.int(),
      checksum: z.string(),
      truncated: z.boolean(),
    }),
    access: 'read_context',
    rest: { method: 'GET', path: '/api/context/:issue_id/:agent_type/file' },
    errors: ['ISSUE_NOT_FOUND', 'AGENT_TYPE_NOT_FOUND', 'AGENT_TYPE_FORBIDDEN', 'FILE_NOT_FOUND'],
  }),
  clear: procedure({
    name: 'context.clear',
    kind: 'mutation',
    summary: 'Forgets the cached contexts of an issue.',
    input: z.strictObject({ issue_id: IssueId, project_id: ProjectId.optional() }),
    output: z.object({ cleared: z.boolean(), entries_removed: z.int() }),
    access: 'read_context',
    rest: { method: 'DELETE', path: '/api/cache/context/:issue_id' },
    errors: ['ISSUE_NOT_FOUND'],
  }),
} as const;
