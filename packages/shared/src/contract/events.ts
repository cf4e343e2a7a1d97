import { z } from 'zod';
import { Cursor, CursorInput } from '../cursor.ts';
import { EventDraft, SidecarEvent } from '../event.ts';
import { EventId, EventType, IdempotencyKey, ProjectId, Timestamp, Topic } from '../ids.ts';
import { text } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { procedure } from '../procedure.ts';

/** Filter expression. */
export const Filter = text(4096).meta({
  id: 'EventFilter',
  description: '`field:value[,field:value…]`; `a|b` is OR, `!field:value` NOT, a trailing `*` a prefix (DECISIONS 9).',
  examples: ['issue_id:issue-1'],
});
/** An event type, or `*` for any. */
export const EventTypeOrAny = z
  .union([z.literal('*'), EventType])
  .meta({ id: 'EventTypeOrAny', examples: ['api_implemented'] });

const Published = z
  .object({
    event_id: EventId,
    published: z.literal(true),
    subscribers_notified: z.array(z.string()).describe('Agent types with a matching subscription (DECISIONS 13).'),
    timestamp: Timestamp,
    cursor: Cursor,
  })
  .meta({ id: 'EventPublished' });

const PUBLISH_ERRORS = [
  'PERMISSION_DENIED',
  'PUBLISHER_MISMATCH',
  'TOPIC_FORBIDDEN',
  'IDEMPOTENCY_CONFLICT',
  'NONCE_REUSED',
  'TIMESTAMP_OUT_OF_RANGE',
  'PAYLOAD_TOO_LARGE',
] as const;

/** What a follower of the log asks for. */
const Followed = z.strictObject({
  project_id: ProjectId.optional(),
  event_type: EventTypeOrAny.optional(),
  topic: Topic.optional(),
  filter: Filter.optional(),
  cursor: CursorInput.optional(),
  lastEventId: z.string().max(64).nullish().describe('Set by tRPC clients when they resume.'),
});

const FOLLOW_ERRORS = ['FILTER_INVALID', 'CURSOR_INVALID', 'CURSOR_EXPIRED', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'] as const;

/** Events: the durable log and everyone who follows it. */
export const events = {
  publish: procedure({
    name: 'events.publish',
    kind: 'mutation',
    summary: 'Publishes an event; answered when it is on disk.',
    input: z.strictObject({ ...EventDraft.shape, idempotency_key: IdempotencyKey.optional() }),
    output: Published,
    access: 'authenticated',
    rest: {
      method: 'POST',
      path: '/api/events/:event_type',
      status: 202,
      headers: { idempotency_key: 'idempotency-key' },
    },
    errors: ['EVENT_TYPE_MISMATCH', ...PUBLISH_ERRORS, 'DISK_QUOTA_EXCEEDED'],
    growth: 'by_size',
  }),
  publishMany: procedure({
    name: 'events.publishMany',
    kind: 'mutation',
    summary: 'Publishes up to 500 events, all or nothing; answered when they are on disk.',
    input: z.strictObject({
      events: z
        .array(EventDraft)
        .min(1)
        .max(LIMITS.maxBatchEvents)
        .describe(`Events in their order, at most ${LIMITS.maxBatchEvents}, all of one project.`),
      project_id: ProjectId.optional(),
      idempotency_key: IdempotencyKey.optional(),
    }),
    output: z.object({ published: z.array(Published).describe('One for each event, in the same order.') }),
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/events', status: 202, headers: { idempotency_key: 'idempotency-key' } },
    errors: [...PUBLISH_ERRORS, 'DISK_QUOTA_EXCEEDED'],
    growth: 'by_size',
  }),
  wait: procedure({
    name: 'events.wait',
    kind: 'query',
    summary: 'Waits until events match, or the timeout passes (long-poll).',
    input: z.strictObject({
      event_type: EventTypeOrAny.describe('Event type, or `*`.'),
      project_id: ProjectId.optional(),
      topic: Topic.optional(),
      filter: Filter.optional(),
      cursor: CursorInput.optional(),
      timeout: z
        .int()
        .min(0)
        .max(LIMITS.maxWaitTimeoutMs)
        .default(LIMITS.defaultWaitTimeoutMs)
        .describe('Longest wait, in milliseconds. Default 30000, at most 120000.'),
      limit: z.int().min(1).max(LIMITS.maxPageItems).default(100),
    }),
    output: z.object({
      events: z.array(SidecarEvent),
      more_available: z
        .boolean()
        .describe(
          `Whether to come back at once: one of the next ${LIMITS.maxPageItems} events matches, or the log goes on beyond them. False: nothing more was there.`,
        ),
      next_cursor: Cursor,
      timeout: z.boolean().describe('Whether the wait ended without an event.'),
    }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/events/wait/:event_type', aliases: { cursor: ['since', 'after'] } },
    errors: ['FILTER_INVALID', 'CURSOR_INVALID', 'CURSOR_EXPIRED'],
    load: 'waits',
  }),
  list: procedure({
    name: 'events.list',
    kind: 'query',
    summary: 'Reads the log page by page, oldest first.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      after: CursorInput.optional(),
      until: Cursor.optional().describe('Last position to read.'),
      since: Timestamp.optional().describe('Accepted at or after this time.'),
      before: Timestamp.optional().describe('Accepted before this time.'),
      topic: Topic.optional(),
      event_type: EventTypeOrAny.optional(),
      filter: Filter.optional(),
      limit: z.int().min(1).max(LIMITS.maxPageItems).default(100),
    }),
    output: z.object({
      events: z.array(SidecarEvent),
      more_available: z.boolean().describe('Whether there is more to read, which may hold no match.'),
      next_cursor: Cursor,
    }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/events', aliases: { after: ['cursor'] } },
    errors: ['FILTER_INVALID', 'CURSOR_INVALID', 'CURSOR_EXPIRED'],
  }),
  subscribe: procedure({
    name: 'events.subscribe',
    kind: 'subscription',
    summary: 'Follows the log: first what is retained after the cursor, then live, in one stream.',
    input: Followed,
    output: SidecarEvent,
    access: 'authenticated',
    rest: {
      method: 'GET',
      path: '/api/events/stream',
      headers: { lastEventId: 'last-event-id' },
      aliases: { cursor: ['since', 'after'] },
    },
    errors: FOLLOW_ERRORS,
  }),
  subscribeMany: procedure({
    name: 'events.subscribeMany',
    kind: 'subscription',
    summary: 'Follows the log as `events.subscribe` does; what is there at once comes as one list.',
    input: Followed,
    output: z
      .array(SidecarEvent)
      .describe('Events in their order, at least one; the position after a list is that of its last.'),
    access: 'authenticated',
    rest: {
      method: 'GET',
      path: '/api/events/stream/lists',
      headers: { lastEventId: 'last-event-id' },
      aliases: { cursor: ['since', 'after'] },
    },
    errors: FOLLOW_ERRORS,
    items: 'lists',
  }),
} as const;
