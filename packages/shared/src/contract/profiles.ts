import { z } from 'zod';
import { AgentType } from '../ids.ts';
import { AgentCategory } from '../permission.ts';
import { procedure } from '../procedure.ts';
import { Profile } from '../profile.ts';
import { Workflow } from '../workflow.ts';

/** Profiles: the definitions of the agent types. */
export const profiles = {
  list: procedure({
    name: 'profiles.list',
    kind: 'query',
    summary: 'Lists the profiles by agent type.',
    input: z.strictObject({ category: AgentCategory.optional() }),
    output: z.object({ profiles: z.array(Profile), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/profiles' },
    errors: [],
  }),
  get: procedure({
    name: 'profiles.get',
    kind: 'query',
    summary: 'Answers one profile.',
    input: z.strictObject({ agent_type: AgentType }),
    output: Profile,
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/profiles/:agent_type' },
    errors: ['AGENT_TYPE_NOT_FOUND'],
  }),
} as const;

/** Workflows: the recipes by which issues are resolved. */
export const workflows = {
  list: procedure({
    name: 'workflows.list',
    kind: 'query',
    summary: 'Lists the workflows by name.',
    input: z.strictObject({}),
    output: z.object({ workflows: z.array(Workflow), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/workflows' },
    errors: [],
  }),
} as const;
