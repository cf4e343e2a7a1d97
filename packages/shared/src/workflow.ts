import { z } from 'zod';
import { AgentType, EventType } from './ids.ts';
import { AgentCategory } from './permission.ts';

/**
 * Who runs in a phase: `agents` names types; `chosen` takes what the named phase's results suggest in
 * `next_agents`, kept to one category, and falls back to the specialists of the project's languages.
 */
export const PhaseRunners = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('agents'), agents: z.array(AgentType).min(1) }),
  z.strictObject({
    by: z.literal('chosen'),
    from_phase: z.string().min(1).describe('Earlier phase whose results choose.'),
    category: AgentCategory,
    otherwise: z.array(AgentType).min(1).describe('Who runs when nothing was chosen and no specialist fits.'),
  }),
]);
export type PhaseRunners = z.infer<typeof PhaseRunners>;

/** One step of a workflow. Its agents run side by side; it is over when all of them are settled. */
export const Phase = z.strictObject({
  name: z.string().min(1).max(64).describe('Name of the phase, unique within the workflow.'),
  run: PhaseRunners,
  task: z.string().min(1).max(4000).describe('What its agents are asked to do.'),
  announced_by: z
    .array(EventType)
    .default([])
    .describe('Events that say the phase’s work is done, besides its agents’ stored results.'),
  on_failure: z.enum(['fail', 'continue']).default('fail').describe('What a failed agent means for the issue.'),
});
export type Phase = z.infer<typeof Phase>;

/** A review phase may send findings back; this says how often. */
export const ReviewLoop = z.strictObject({
  phase: z.string().min(1).describe('Phase whose results may hold findings.'),
  max_rounds: z.int().min(1).max(20).describe('Rounds after which open findings are escalated.'),
});
export type ReviewLoop = z.infer<typeof ReviewLoop>;

/** Recipe from a new issue to a resolved one: `profiles/workflows/<name>.json`. */
export const Workflow = z
  .strictObject({
    $schema: z.string().optional().describe('JSON Schema that editors check the file with.'),
    name: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[a-z0-9][a-z0-9-]*$/)
      .describe('Name of the workflow, as `issues.create` takes it.'),
    description: z.string().min(1).max(2000).describe('What kind of issue it resolves, and how.'),
    phases: z.array(Phase).min(1).max(32).describe('Steps, in order.'),
    review: ReviewLoop.nullable().describe('Review loop; null: findings send nobody back.'),
    limits: z.strictObject({
      max_spawns: z.int().min(1).max(10_000).describe('Most agents that one issue may start.'),
      max_wall_seconds: z.int().min(1).describe('Longest run of one issue, in seconds.'),
    }),
  })
  .superRefine((workflow, context) => {
    const report = (message: string, path: (string | number)[]) => context.addIssue({ code: 'custom', message, path });
    const earlier = new Set<string>();
    for (const [index, { name, run }] of workflow.phases.entries()) {
      if (earlier.has(name)) report(`phase '${name}' stands twice`, ['phases', index, 'name']);
      if (run.by === 'chosen' && !earlier.has(run.from_phase)) {
        report(`'${run.from_phase}' is not an earlier phase`, ['phases', index, 'run', 'from_phase']);
      }
      earlier.add(name);
    }
    if (workflow.review && !earlier.has(workflow.review.phase)) {
      report(`there is no phase '${workflow.review.phase}'`, ['review', 'phase']);
    }
  })
  .meta({ id: 'Workflow' });
export type Workflow = z.infer<typeof Workflow>;
