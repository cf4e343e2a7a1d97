import { z } from 'zod';
import { ContextRequirement } from './context.ts';
import { AgentType, EventType, Topic } from './ids.ts';
import { text } from './json.ts';
import { AgentCategory, Permission } from './permission.ts';

const Name = z.string().min(1).max(128);
const Sentence = z.string().min(1).max(2000);

/** Size of model an agent should run on; which model that is, is configuration. */
export const ModelTier = z.enum(['opus', 'sonnet', 'haiku']).meta({ id: 'ModelTier', description: 'Model tier.' });
export type ModelTier = z.infer<typeof ModelTier>;

/** Which model, and which one when that is not to be had. */
export const ModelRouting = z
  .strictObject({
    tier: ModelTier.describe('Tier the agent normally runs on.'),
    fallback: ModelTier.nullable().describe('Tier taken when one of `fallback_when` holds; null: none.'),
    fallback_when: z
      .array(z.enum(['rate_limited', 'unavailable', 'budget_low']))
      .describe('What sends the agent to the fallback tier.'),
  })
  .meta({ id: 'ModelRouting' });
export type ModelRouting = z.infer<typeof ModelRouting>;

/** Events an agent type wants to hear of. Left out: any. */
export const EventSubscription = z
  .strictObject({
    topic: Topic,
    event_types: z.array(EventType).min(1).optional().describe('Only these event types; left out: any.'),
  })
  .meta({ id: 'EventSubscription' });
export type EventSubscription = z.infer<typeof EventSubscription>;

/** What an agent type publishes. The first entry is what a stored result is announced as. */
export const Publication = z
  .strictObject({
    topic: Topic,
    event_types: z
      .array(EventType)
      .min(1)
      .describe('What the agent type says there; the very first announces a stored successful result.'),
  })
  .meta({ id: 'Publication' });
export type Publication = z.infer<typeof Publication>;

/** Who usually goes on after this agent type, and on what condition. */
export const HandOver = z
  .strictObject({
    agent_type: AgentType,
    when: z
      .enum(['success', 'partial', 'failure', 'blocked', 'findings', 'always'])
      .describe('Status of the stored result; `findings`: it holds findings, whatever its status.'),
  })
  .meta({ id: 'HandOver' });
export type HandOver = z.infer<typeof HandOver>;

/** Limits of one agent; enforced by the supervisor. */
export const AgentLimits = z
  .strictObject({
    wall_seconds: z.int().min(1).max(86_400).describe('Longest run, in seconds of real time.'),
    memory_mb: z.int().min(16).max(1_048_576).describe('Most memory of the agent and its children, in MiB.'),
    cpu_seconds: z.int().min(1).max(864_000).describe('Most processor time, in seconds.'),
    output_mb: z.int().min(1).max(65_536).describe('Most output that is kept, in MiB.'),
    processes: z.int().min(1).max(65_536).default(1024).describe('Most processes at once. Default 1024.'),
    tokens: z.int().min(1000).describe('Most model tokens, as the agent reports them.'),
    cost_usd: z.number().positive().nullable().default(null).describe('Most cost, as the agent reports it; null: any.'),
    max_retries: z.int().min(0).max(10).describe('Further attempts after a failure that may pass.'),
  })
  .meta({ id: 'AgentLimits' });
export type AgentLimits = z.infer<typeof AgentLimits>;

const Arguments = z.array(text(16_384)).max(128).describe('Arguments of the program.');

/**
 * How an agent is started. `claude`: Claude Code headless. `command`: any program, with the context in
 * `CONTEXT_FILE`. `script`: the specification's launch script around a program.
 */
export const Launcher = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('claude'), program: Name.optional(), args: Arguments.optional() }),
    z.strictObject({ kind: z.literal('command'), program: Name, args: Arguments.default([]) }),
    z.strictObject({ kind: z.literal('script'), program: Name.optional(), args: Arguments.default([]) }),
  ])
  .meta({ id: 'Launcher' });
export type Launcher = z.infer<typeof Launcher>;

const profileFields = {
  $schema: z.string().optional().describe('JSON Schema that editors check the file with.'),
  agent_type: AgentType,
  name: Name.describe('Name for people.'),
  section: Name.describe('Part of the roster the agent type belongs to.'),
  category: AgentCategory,
  description: Sentence.describe('What the agent type is for, in a sentence or two.'),
  languages: z.array(z.string().min(1).max(64)).describe('Programming languages, lower-case; empty: any.'),
  capabilities: z.array(Name).min(1).describe('What it can be chosen for, lower-case words joined by dashes.'),
  model: ModelRouting,
  context_requirements: z.array(ContextRequirement).min(1).describe('What its context holds.'),
  event_subscriptions: z.array(EventSubscription).describe('What it hears of from the moment it is spawned.'),
  publishes: z.array(Publication).describe('Topics it publishes to; `error` is open to every agent and not listed.'),
  hand_over: z.array(HandOver).describe('Who goes on after it when neither workflow nor result says otherwise.'),
  permissions: z.array(Permission).describe('Permissions of its token; at most those of its category.'),
  authority_level: z.int().min(1).max(10).describe('10 decides over all others, 1 only advises.'),
  limits: AgentLimits,
  launcher: Launcher,
  environment: z.array(Name).default([]).describe('Names passed on from the sidecar’s own environment.'),
  spawn_environment: z
    .array(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*\*?$/, 'is not a name of a variable, with or without `*` at its end'),
    )
    .max(64)
    .default([])
    .describe('Names that a spawn request may set besides the harmless ones; `APP_*` means all that begin so.'),
  prompt: z.string().min(1).max(32_768).describe('System prompt of the agent.'),
};

/** Definition of an agent type: `profiles/agents/<agent_type>.json` (specification "Agent Definition"). */
export const Profile = z.strictObject(profileFields).meta({ id: 'Profile' });
export type Profile = z.infer<typeof Profile>;

/**
 * A user's file that changes some fields of a profile and keeps the rest. `limits` and `model` are joined
 * field by field, everything else is replaced as a whole.
 */
export const ProfileOverlay = z
  .strictObject({
    ...profileFields,
    limits: AgentLimits.partial(),
    model: ModelRouting.partial(),
    environment: profileFields.environment.unwrap(),
    spawn_environment: profileFields.spawn_environment.unwrap(),
  })
  .partial()
  .meta({ id: 'ProfileOverlay' });
export type ProfileOverlay = z.infer<typeof ProfileOverlay>;
