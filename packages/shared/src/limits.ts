/**
 * Bounds that every door enforces, in one table. Sizes are bytes of UTF-8, times carry their unit.
 *
 * Sources: specification "Threat Model" (context size), "Performance Targets" (ring), DECISIONS 5, 8, 16, 17.
 */
export const LIMITS = {
  /** Longest identifier of any kind, in characters. */
  maxIdChars: 128,
  /** Largest request body of any door. */
  maxBodyBytes: 4 * 1024 * 1024,
  /** Largest serialised event. */
  maxEventBytes: 1024 * 1024,
  /** Largest serialised result. */
  maxResultBytes: 4 * 1024 * 1024,
  /** Deepest nesting of objects and arrays in a body. */
  maxJsonDepth: 64,
  /** Events in one `events.publishMany`, and the default page of a list. */
  maxBatchEvents: 500,
  /** Largest page a list answers. */
  maxPageItems: 1000,
  /** Default and longest `timeout` of a long-poll (DECISIONS 8). */
  defaultWaitTimeoutMs: 30_000,
  maxWaitTimeoutMs: 120_000,
  /** Default and longest life of an event (DECISIONS 5). */
  defaultEventTtlSeconds: 86_400,
  maxEventTtlSeconds: 30 * 86_400,
  /** Events kept in memory and in the `event-log.jsonl` mirror (specification "Storage Component"). */
  ringEvents: 10_000,
  /** Events kept in the durable log of one project (DECISIONS 5). */
  maxLogEvents: 1_000_000,
  /** Durable consumers of one project, those of its agents included. */
  maxConsumers: 1000,
  /** Deliveries of one consumer that wait to be acknowledged. */
  maxUnacknowledged: 1000,
  /** Default and longest time to acknowledge a delivery in. */
  defaultAckDeadlineMs: 30_000,
  maxAckDeadlineMs: 12 * 3_600_000,
  /** Default and largest number of deliveries before an event becomes a dead letter. */
  defaultMaxDeliveries: 5,
  maxDeliveries: 100,
  /** Dead letters kept of one project, and for how long. */
  maxDeadLetters: 10_000,
  maxDeadLetterAgeSeconds: 30 * 86_400,
  /** How far a `timestamp` sent for replay protection may be off (DECISIONS 16). */
  maxClockSkewMs: 5 * 60_000,
  /** Life of an agent token (specification "Agent Authentication"). */
  tokenTtlSeconds: 3600,
  /** Largest context (specification "Threat Model"). */
  maxContextBytes: 10 * 1024 * 1024,
  /** Agents alive at once (specification "Performance Targets"). */
  maxAgents: 119,
} as const;
