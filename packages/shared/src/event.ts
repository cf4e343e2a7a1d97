import { z } from 'zod';
import { Cursor } from './cursor.ts';
import { CorrelationId, EventId, EventType, ProjectId, Timestamp, Topic } from './ids.ts';
import { JsonRecord, text } from './json.ts';
import { LIMITS } from './limits.ts';

const Round = z.int().min(1).max(10_000).describe('Round of a feedback loop, from 1.');
const References = text(LIMITS.maxIdChars).min(1).describe('Id of the event this one answers.');
const TtlSeconds = z
  .int()
  .min(1)
  .max(LIMITS.maxEventTtlSeconds)
  .describe('How long the log keeps the event, in seconds. Default 86400.');

/** What a publisher sends (specification "POST /api/events/:event_type"). */
export const EventDraft = z
  .strictObject({
    event_type: EventType,
    publisher: text(LIMITS.maxIdChars)
      .min(1)
      .optional()
      .describe('Must equal the token’s `sub` when sent; the operator may name anyone but `sidecar`.'),
    topic: Topic.optional().describe('Topic. Default: the first that the publisher’s profile publishes to.'),
    data: JsonRecord.default({}).describe('Payload.'),
    correlation_id: CorrelationId.nullish(),
    project_id: ProjectId.optional(),
    ttl_seconds: TtlSeconds.optional(),
    round: Round.nullish(),
    references: References.nullish(),
    timestamp: Timestamp.optional().describe('Time of sending; refused when more than five minutes off.'),
    nonce: text(LIMITS.maxIdChars).min(8).optional().describe('Accepted once per publisher.'),
  })
  .meta({ id: 'EventDraft' });
export type EventDraft = z.output<typeof EventDraft>;

/** An event as every reader sees it (specification "Events Table"). */
export const SidecarEvent = z
  .object({
    event_id: EventId,
    event_type: EventType,
    publisher: z.string().describe('Agent id, `operator` or `sidecar`.'),
    publisher_type: z.string().describe('Agent type, `operator` or `sidecar`.'),
    topic: Topic,
    data: JsonRecord,
    correlation_id: CorrelationId.nullable(),
    traceparent: z
      .string()
      .optional()
      .describe('W3C trace context of what published it; absent: it belongs to no trace.'),
    project_id: ProjectId,
    round: Round.nullable(),
    references: References.nullable(),
    ttl_seconds: TtlSeconds,
    timestamp: Timestamp.describe('When the sidecar accepted the event.'),
    cursor: Cursor.describe('Position of the event in its project’s log.'),
  })
  .meta({ id: 'Event' });
export type SidecarEvent = z.infer<typeof SidecarEvent>;
