import { z } from 'zod';
import { LIMITS } from './limits.ts';

/**
 * Letters, digits, `.`, `_`, `-`; starts with a letter or digit. Ids become file names of mirrors, so
 * nothing that a file system or a shell reads in its own way may pass.
 */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const name = (what: string) =>
  z
    .string()
    .min(1)
    .max(LIMITS.maxIdChars)
    .regex(SAFE_NAME, `${what}: letters, digits, '.', '_' and '-', starting with a letter or digit`);

/** Unit of work, chosen by the user or made by the sidecar. Unique within its project. */
export const IssueId = name('issue id').describe('Id of the issue, unique within its project.');
/** Registered repository. */
export const ProjectId = name('project id').describe('Id of the project.');
/** Running instance of an agent type: `<agent_type>-<uuid>`. */
export const AgentId = name('agent id').describe('Id of one running agent.');
/** Profile name: lower-case words joined by dashes. */
export const AgentType = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/, "agent type: lower-case letters, digits and '-'")
  .describe('Agent type, the name of a profile.');
/** Stored result. */
export const ResultId = name('result id').describe('Id of the stored result.');
/** Published event. */
export const EventId = name('event id').describe('Id of the event.');
/** Durable consumer, chosen by its maker; of a spawned agent the agent’s id. Unique within its project. */
export const ConsumerName = name('consumer').describe('Name of the durable consumer, unique within its project.');
/** Event that a durable consumer did not take. */
export const DeadLetterId = name('dead letter id').describe('Id of the dead letter.');
/** What happened: lower-case words joined by `_`, `-` or `.`. */
export const EventType = z
  .string()
  .min(1)
  .max(LIMITS.maxIdChars)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, "event type: letters, digits, '.', '_', ':' and '-'")
  .describe('Type of the event.');
/** Channel that an event is published to. */
export const Topic = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "topic: lower-case letters, digits, '.', '_' and '-'")
  .describe('Topic of the event.');
/** Ties requests, events, agents and log lines of one piece of work together. */
export const CorrelationId = z
  .string()
  .min(1)
  .max(LIMITS.maxIdChars)
  .regex(/^[\x21-\x7e]+$/, 'correlation id: visible ASCII characters')
  .describe('Correlation id.');
/** Names a request so that sending it twice acts once. */
export const IdempotencyKey = z
  .string()
  .min(1)
  .max(LIMITS.maxIdChars)
  .regex(/^[\x21-\x7e]+$/, 'idempotency key: visible ASCII characters')
  .describe('Idempotency key: the same key and request answer the first outcome (DECISIONS 15).');
/** RFC 3339 time with zone. */
export const Timestamp = z.iso.datetime({ offset: true }).describe('RFC 3339 time.');
