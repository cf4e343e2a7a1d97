import { z } from 'zod';
import { Cursor } from './cursor.ts';
import { SidecarEvent } from './event.ts';
import { AgentType, ConsumerName, DeadLetterId, EventType, ProjectId, Timestamp, Topic } from './ids.ts';
import { text } from './json.ts';
import { LIMITS } from './limits.ts';

/** Time in which a delivery must be acknowledged. */
export const AckDeadlineMs = z.int().min(100).max(LIMITS.maxAckDeadlineMs).meta({
  id: 'AckDeadlineMs',
  description: 'Time to acknowledge a delivery in, in milliseconds; after it the event goes to another member.',
});

/** How often an event is handed out before it becomes a dead letter. */
export const MaxDeliveries = z
  .int()
  .min(1)
  .max(LIMITS.maxDeliveries)
  .meta({ id: 'MaxDeliveries', description: 'How often an event is handed out before it becomes a dead letter.' });

/** Proof that a delivery is this member’s; ends at the deadline and with every other delivery of the event. */
export const Lease = z.string().min(1).max(LIMITS.maxIdChars).meta({
  id: 'Lease',
  description: 'Proof that the delivery is yours, to acknowledge it with. It ends at `deadline`.',
});

/** Name that a member of a group goes by, for whoever looks at the history of a delivery. */
export const Member = text(LIMITS.maxIdChars)
  .min(1)
  .meta({ id: 'Member', description: 'Name of this member of the group. Default: the caller.' });

/** Which events a durable consumer gets. */
export const ConsumerInterest = z
  .object({
    event_type: EventType.nullable(),
    topic: Topic.nullable(),
    filter: z.string().nullable(),
  })
  .meta({ id: 'ConsumerInterest' });
export type ConsumerInterest = z.infer<typeof ConsumerInterest>;

/** A durable consumer: a named position in the log whose members share the work. */
export const Consumer = z
  .object({
    consumer: ConsumerName,
    project_id: ProjectId,
    agent_type: AgentType.nullable().describe('Agents of this type may use it; null: the operator alone.'),
    interests: z.array(ConsumerInterest).describe('An event is wanted when it fits any of these.'),
    ack_deadline_ms: AckDeadlineMs,
    max_deliveries: MaxDeliveries,
    cursor: Cursor.describe('Every event up to here was handed out or is not wanted.'),
    leased: z.int().describe('Deliveries that wait to be acknowledged.'),
    waiting: z.int().describe('Events that were handed out in vain and wait for their next delivery.'),
    dead_letters: z.int().describe('Events that were given up.'),
    created_at: Timestamp,
    last_used_at: Timestamp.nullable(),
  })
  .meta({ id: 'Consumer' });
export type Consumer = z.infer<typeof Consumer>;

/** An event in the hands of a member. */
export const Delivery = z
  .object({
    event: SidecarEvent,
    lease: Lease,
    delivery: z.int().min(1).describe('1 for the first delivery, 2 for the second …'),
    deadline: Timestamp,
  })
  .meta({ id: 'Delivery' });
export type Delivery = z.infer<typeof Delivery>;

/** Why an event became a dead letter (DECISIONS 14). */
export const DeadLetterReason = z.enum(['refused', 'max_deliveries', 'expired', 'trimmed']).meta({
  id: 'DeadLetterReason',
  description:
    '`refused` by a member, not acknowledged within `max_deliveries`, its time to live `expired`, or `trimmed` from a ' +
    'full log before it was acknowledged.',
});
export type DeadLetterReason = z.infer<typeof DeadLetterReason>;

/** A delivery that failed. */
export const FailedDelivery = z
  .object({
    delivery: z.int().min(1),
    member: z.string(),
    outcome: z.enum(['nack', 'refused', 'deadline']).describe('Given back, refused, or not acknowledged in time.'),
    detail: z.string().nullable().describe('What the member said.'),
    at: Timestamp,
  })
  .meta({ id: 'FailedDelivery' });
export type FailedDelivery = z.infer<typeof FailedDelivery>;

/** An event that a durable consumer did not take. */
export const DeadLetter = z
  .object({
    dead_letter_id: DeadLetterId,
    project_id: ProjectId,
    consumer: ConsumerName,
    reason: DeadLetterReason,
    detail: z.string().nullable().describe('What the last member said.'),
    deliveries: z.int().min(0).describe('How often it was handed out.'),
    history: z.array(FailedDelivery).describe('Its failed deliveries, oldest first.'),
    event: SidecarEvent,
    created_at: Timestamp,
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetter = z.infer<typeof DeadLetter>;
