import { z } from 'zod';
import {
  AckDeadlineMs,
  Consumer,
  DeadLetter,
  DeadLetterReason,
  Delivery,
  Lease,
  MaxDeliveries,
  Member,
} from '../consumer.ts';
import { CursorInput } from '../cursor.ts';
import { AgentType, ConsumerName, DeadLetterId, EventId, IdempotencyKey, ProjectId, Topic } from '../ids.ts';
import { text } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { Limit, PageCursor } from '../page.ts';
import { procedure } from '../procedure.ts';
import { EventTypeOrAny, Filter } from './events.ts';

const OfConsumer = { consumer: ConsumerName, project_id: ProjectId.optional() };
const Leases = z.array(Lease).min(1).max(LIMITS.maxBatchEvents).describe('Leases as `consume` gave them.');
const Lost = z.array(Lease).describe('Leases that had ended; their events are not this member’s any more.');
const OfDeadLetter = { dead_letter_id: DeadLetterId, project_id: ProjectId.optional() };

/**
 * Durable consumers: the sidecar remembers what was handed out and what was done. Members of one consumer each get
 * different events; an event that is not acknowledged in time goes to another member.
 */
export const consumers = {
  create: procedure({
    name: 'consumers.create',
    kind: 'mutation',
    summary: 'Makes a durable consumer, or answers the one of this name when it is the same.',
    input: z.strictObject({
      ...OfConsumer,
      agent_type: AgentType.optional().describe('Who may use it besides the operator. Default: the caller’s own type.'),
      event_type: EventTypeOrAny.optional(),
      topic: Topic.optional(),
      filter: Filter.optional(),
      cursor: CursorInput.optional(),
      ack_deadline_ms: AckDeadlineMs.default(LIMITS.defaultAckDeadlineMs),
      max_deliveries: MaxDeliveries.default(LIMITS.defaultMaxDeliveries),
    }),
    output: Consumer,
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/consumers' },
    errors: [
      'FILTER_INVALID',
      'CURSOR_INVALID',
      'CURSOR_EXPIRED',
      'AGENT_TYPE_FORBIDDEN',
      'CONSUMER_EXISTS',
      'CONSUMER_LIMIT_REACHED',
    ],
  }),
  list: procedure({
    name: 'consumers.list',
    kind: 'query',
    summary: 'Lists the durable consumers that the caller may use.',
    input: z.strictObject({ project_id: ProjectId.optional() }),
    output: z.object({ consumers: z.array(Consumer), next_cursor: z.null() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/consumers' },
    errors: [],
  }),
  consume: procedure({
    name: 'consumers.consume',
    kind: 'mutation',
    summary: 'Takes the next events, or waits for some (long-poll); each has to be acknowledged.',
    input: z.strictObject({
      ...OfConsumer,
      member: Member.optional(),
      limit: z.int().min(1).max(LIMITS.maxBatchEvents).default(10).describe('Largest number of events to take.'),
      timeout: z
        .int()
        .min(0)
        .max(LIMITS.maxWaitTimeoutMs)
        .default(LIMITS.defaultWaitTimeoutMs)
        .describe('Longest wait, in milliseconds. Default 30000, at most 120000.'),
    }),
    output: z.object({
      deliveries: z.array(Delivery),
      timeout: z.boolean().describe('Whether the wait ended without an event.'),
    }),
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/consumers/:consumer/consume' },
    errors: ['CONSUMER_NOT_FOUND', 'CURSOR_EXPIRED'],
    load: 'waits',
  }),
  ack: procedure({
    name: 'consumers.ack',
    kind: 'mutation',
    summary: 'Says that events are done with. Fails when none of the leases holds any more.',
    input: z.strictObject({ ...OfConsumer, leases: Leases, idempotency_key: IdempotencyKey.optional() }),
    output: z.object({ acknowledged: z.int(), lost: Lost }),
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/consumers/:consumer/ack', headers: { idempotency_key: 'idempotency-key' } },
    errors: ['CONSUMER_NOT_FOUND', 'LEASE_LOST', 'IDEMPOTENCY_CONFLICT'],
  }),
  nack: procedure({
    name: 'consumers.nack',
    kind: 'mutation',
    summary: 'Gives events back, or refuses them for good. Fails when none of the leases holds any more.',
    input: z.strictObject({
      ...OfConsumer,
      leases: Leases,
      reason: text(1000).optional().describe('What went wrong, for the history of the event.'),
      delay_ms: z
        .int()
        .min(0)
        .max(LIMITS.maxAckDeadlineMs)
        .default(0)
        .describe('Time before the next delivery, in milliseconds. Default 0.'),
      refuse: z.boolean().default(false).describe('Make them dead letters at once. Default false.'),
      idempotency_key: IdempotencyKey.optional(),
    }),
    output: z.object({ returned: z.int(), dead_letters: z.int().describe('How many were given up.'), lost: Lost }),
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/consumers/:consumer/nack', headers: { idempotency_key: 'idempotency-key' } },
    errors: ['CONSUMER_NOT_FOUND', 'LEASE_LOST', 'IDEMPOTENCY_CONFLICT'],
  }),
  delete: procedure({
    name: 'consumers.delete',
    kind: 'mutation',
    summary: 'Ends a durable consumer and forgets its position. Its dead letters stay.',
    input: z.strictObject(OfConsumer),
    output: z.object({ deleted: z.literal(true) }),
    access: 'authenticated',
    rest: { method: 'DELETE', path: '/api/consumers/:consumer' },
    errors: ['CONSUMER_NOT_FOUND'],
  }),
} as const;

/** Dead letters: events that a durable consumer did not take, with the reason (DECISIONS 14). */
export const deadLetters = {
  list: procedure({
    name: 'deadLetters.list',
    kind: 'query',
    summary: 'Lists dead letters, newest first.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      consumer: ConsumerName.optional(),
      reason: DeadLetterReason.optional(),
      limit: Limit,
      cursor: PageCursor,
    }),
    output: z.object({ dead_letters: z.array(DeadLetter), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/dead-letters' },
    errors: ['CURSOR_INVALID'],
  }),
  get: procedure({
    name: 'deadLetters.get',
    kind: 'query',
    summary: 'Shows one dead letter: the event, the reason and its failed deliveries.',
    input: z.strictObject(OfDeadLetter),
    output: DeadLetter,
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/dead-letters/:dead_letter_id' },
    errors: ['DEAD_LETTER_NOT_FOUND'],
  }),
  redrive: procedure({
    name: 'deadLetters.redrive',
    kind: 'mutation',
    summary: 'Gives the event to its consumer again, with all deliveries before it.',
    input: z.strictObject(OfDeadLetter),
    output: z.object({ redriven: z.literal(true), event_id: EventId, consumer: ConsumerName }),
    access: 'authenticated',
    rest: { method: 'POST', path: '/api/dead-letters/:dead_letter_id/redrive' },
    errors: ['DEAD_LETTER_NOT_FOUND', 'CONSUMER_NOT_FOUND'],
  }),
  drop: procedure({
    name: 'deadLetters.drop',
    kind: 'mutation',
    summary: 'Forgets a dead letter.',
    input: z.strictObject(OfDeadLetter),
    output: z.object({ dropped: z.literal(true) }),
    access: 'authenticated',
    rest: { method: 'DELETE', path: '/api/dead-letters/:dead_letter_id' },
    errors: ['DEAD_LETTER_NOT_FOUND'],
  }),
} as const;
