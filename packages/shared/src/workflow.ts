import { z } from 'zod';
import { AgentType, EventType } from './ids.ts';
import { AgentCategory } from './permission.ts';
import { FindingSeverity } from './result.ts';

const PhaseName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/);

/**
 * Who runs in a phase: `agents` names types; `chosen` takes what the named phase's results suggest in
 * `next_agents`, kept to one category, and falls back to the specialists of the project's languages; `capability`
 * takes the agent types that have one, highest authority first.
 */
export const PhaseRunners = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('agents'), agents: z.array(AgentType).min(1).max(32) }),
    z.strictObject({
      by: z.literal('chosen'),
      from_phase: PhaseName.describe('Earlier phase whose results choose.'),
      category: AgentCategory,
      otherwise: z.array(AgentType).min(1).describe('Who runs when nothing was chosen and no specialist fits.'),
    }),
    z.strictObject({
      by: z.literal('capability'),
      capability: z.string().min(1).max(128).describe('Capability as profiles name it.'),
      at_most: z.int().min(1).max(32).default(1).describe('How many agent types run. Default 1.'),
      otherwise: z.array(AgentType).min(1).describe('Who runs when no agent type has the capability.'),
    }),
  ])
  .meta({ id: 'PhaseRunners' });
export type PhaseRunners = z.infer<typeof PhaseRunners>;

/** A command that the sidecar itself runs in the project to see whether a claim of success holds. */
export const Check = z
  .strictObject({
    name: z.string().min(1).max(64).describe('Name of the check, for people.'),
    command: z.array(z.string().min(1).max(4096)).min(1).max(64).describe('Program and arguments; no shell.'),
    when_file: z.string().min(1).max(1024).optional().describe('Runs only where the project has this file.'),
    timeout_seconds: z.int().min(1).max(86_400).default(600).describe('Longest run, in seconds. Default 600.'),
  })
  .meta({ id: 'Check' });
export type Check = z.infer<typeof Check>;

/** Something that must be so for a phase to run; a phase whose condition does not hold is passed over. */
export const Condition = z
  .discriminatedUnion('if', [
    z.strictObject({
      if: z.literal('files_changed'),
      phase: PhaseName.describe('A result of this phase changed files.'),
    }),
    z.strictObject({ if: z.literal('findings'), phase: PhaseName.describe('A result of this phase holds findings.') }),
    z.strictObject({ if: z.literal('failed'), phase: PhaseName.describe('An agent of this phase failed.') }),
    z.strictObject({ if: z.literal('event'), event_type: EventType.describe('This event was published before.') }),
  ])
  .meta({ id: 'Condition' });
export type Condition = z.infer<typeof Condition>;

/** An event that a phase waits for before it starts: an approval, or somebody else's work. */
export const Gate = z
  .strictObject({
    event_type: EventType,
    from: z.enum(['operator', 'anyone']).default('operator').describe('Whose event counts. Default `operator`.'),
  })
  .meta({ id: 'Gate' });
export type Gate = z.infer<typeof Gate>;

/** One step of a workflow. Its agents run side by side; it is over when all of them are settled. */
export const Phase = z
  .strictObject({
    name: PhaseName.describe('Name of the phase, unique within the workflow.'),
    when: Condition.nullable().default(null).describe('Condition to run at all; null: always.'),
    wait_for: z.array(Gate).max(8).default([]).describe('Events to wait for before it starts.'),
    run: PhaseRunners,
    task: z.string().min(1).max(4000).describe('What its agents are asked to do.'),
    announced_by: z
      .array(EventType)
      .default([])
      .describe('Events that say the phase’s work is done, besides its agents’ stored results.'),
    checks: z
      .union([z.literal('project'), z.array(Check).max(16)])
      .default([])
      .describe(
        'What must pass before the phase is complete. `project`: what `.sidecar/checks.json` of the project says, else the tests that its manifests name.',
      ),
    findings_to: PhaseName.nullable()
      .default(null)
      .describe('Earlier phase that settles the findings of this one; null: findings send nobody back.'),
    findings_from: FindingSeverity.default('low').describe('Least severity that sends a finding back. Default `low`.'),
    max_attempts: z.int().min(1).max(10).default(2).describe('Attempts at one piece of work. Default 2.'),
    timeout_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .nullable()
      .default(null)
      .describe('Longest run of one agent, in seconds, besides its profile’s limit; null: none.'),
    on_failure: z.enum(['fail', 'continue']).default('fail').describe('What failed work means for the issue.'),
  })
  .meta({ id: 'Phase' });
export type Phase = z.infer<typeof Phase>;

/** What one issue may take. At 80 % a warning is published, at 100 % no further agent starts, then agents are stopped. */
export const WorkflowLimits = z
  .strictObject({
    max_spawns: z.int().min(1).max(10_000).describe('Most agents that one issue may start.'),
    max_wall_seconds: z
      .int()
      .min(1)
      .max(30 * 86_400)
      .describe('Longest run of one issue, in seconds; pauses do not count.'),
    grace_seconds: z
      .int()
      .min(0)
      .max(3600)
      .default(60)
      .describe('From the end of the time to stopping agents. Default 60.'),
    max_rounds: z
      .int()
      .min(1)
      .max(20)
      .default(3)
      .describe('Rounds after which open findings are escalated. Default 3.'),
    max_depth: z.int().min(1).max(10).default(3).describe('Longest chain of agents that start agents. Default 3.'),
    max_tokens: z.int().min(1000).nullable().default(null).describe('Most model tokens of all agents; null: any.'),
    max_cost_usd: z.number().positive().nullable().default(null).describe('Most cost of all agents; null: any.'),
  })
  .meta({ id: 'WorkflowLimits' });
export type WorkflowLimits = z.infer<typeof WorkflowLimits>;

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
    limits: WorkflowLimits,
  })
  .superRefine((workflow, context) => {
    const report = (message: string, path: (string | number)[]) => context.addIssue({ code: 'custom', message, path });
    const earlier = new Set<string>();
    for (const [index, { name, run, when, findings_to }] of workflow.phases.entries()) {
      const mustBeEarlier = (phase: string, ...path: string[]): void => {
        if (!earlier.has(phase)) report(`'${phase}' is not an earlier phase`, ['phases', index, ...path]);
      };
      if (earlier.has(name)) report(`phase '${name}' stands twice`, ['phases', index, 'name']);
      if (run.by === 'chosen') mustBeEarlier(run.from_phase, 'run', 'from_phase');
      if (when && when.if !== 'event') mustBeEarlier(when.phase, 'when', 'phase');
      if (findings_to !== null) mustBeEarlier(findings_to, 'findings_to');
      earlier.add(name);
    }
  })
  .meta({ id: 'Workflow' });
export type Workflow = z.infer<typeof Workflow>;
