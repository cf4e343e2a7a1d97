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
export const IssueId = name('issue id').meta({
  id: 'IssueId',
  examples: ['issue-1'],
  description: 'Id of the issue, unique within its project.',
});
/** Registered repository. */
export const ProjectId = name('project id').meta({
  id: 'ProjectId',
  examples: ['shop'],
  description: 'Id of the project.',
});
/** Running instance of an agent type: `<agent_type>-<uuid>`. */
export const AgentId = name('agent id').meta({
  id: 'AgentId',
  examples: ['python-specialist-0198c2f0-5b1e-7c3a-9d55-2f6d1c0a7e11'],
  description: 'Id of one running agent.',
});
/** Profile name: lower-case words joined by dashes. */
export const AgentType = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/, "agent type: lower-case letters, digits and '-'")
  .meta({ id: 'AgentType', examples: ['python-specialist'], description: 'Agent type, the name of a profile.' });
/** Stored result. */
export const ResultId = name('result id').meta({
  id: 'ResultId',
  examples: ['res-0198c2f1-6a20-7d41-8f3b-4b7c9e2d1a55'],
  description: 'Id of the stored result.',
});
/** Issue or result that is pinned. */
export const PinnedId = name('pinned id').meta({
  id: 'PinnedId',
  examples: ['issue-1'],
  description: 'Id of the issue or the result.',
});
/** Published event. */
export const EventId = name('event id').meta({
  id: 'EventId',
  examples: ['evt-0198c2f1-7c44-7b0e-a1f2-90d3c5e6b788'],
  description: 'Id of the event.',
});
/** Durable consumer, chosen by its maker; of a spawned agent the agent’s id. Unique within its project. */
export const ConsumerName = name('consumer').meta({
  id: 'ConsumerName',
  examples: ['reviewers'],
  description: 'Name of the durable consumer, unique within its project.',
});
/** Event that a durable consumer did not take. */
export const DeadLetterId = name('dead letter id').meta({
  id: 'DeadLetterId',
  examples: ['dl-0198c2f2-1d10-7f5a-b6c4-3e2a9d8f7c01'],
  description: 'Id of the dead letter.',
});
/** What happened: lower-case words joined by `_`, `-` or `.`. */
export const EventType = z
  .string()
  .min(1)
  .max(LIMITS.maxIdChars)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, "event type: letters, digits, '.', '_', ':' and '-'")
  .meta({ id: 'EventType', examples: ['api_implemented'], description: 'Type of the event.' });
/** Channel that an event is published to. */
export const Topic = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "topic: lower-case letters, digits, '.', '_' and '-'")
  .meta({ id: 'Topic', examples: ['implementation'], description: 'Topic of the event.' });
/** Ties requests, events, agents and log lines of one piece of work together. */
export const CorrelationId = z
  .string()
  .min(1)
  .max(LIMITS.maxIdChars)
  .regex(/^[\x21-\x7e]+$/, 'correlation id: visible ASCII characters')
  .meta({ id: 'CorrelationId', examples: ['c0ffee00-1111-4222-8333-444455556666'], description: 'Correlation id.' });
/** Names a request so that sending it twice acts once. */
export const IdempotencyKey = z
  .string()
  .min(1)
  .max(LIMITS.maxIdChars)
  .regex(/^[\x21-\x7e]+$/, 'idempotency key: visible ASCII characters')
  .meta({
    id: 'IdempotencyKey',
    examples: ['issue-1/step-3'],
    description: 'Idempotency key: the same key and request answer the first outcome (DECISIONS 15).',
  });
/** RFC 3339 time with zone; at most nine digits of a second’s fraction and some to spare. */
export const Timestamp = z.iso
  .datetime({ offset: true })
  .max(40)
  .meta({ id: 'Timestamp', examples: ['2026-11-28T09:30:00.000Z'], description: 'RFC 3339 time.' });
