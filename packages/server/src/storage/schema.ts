import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** One row: which store this is. */
export const storeMeta = sqliteTable('store_meta', {
  id: integer('id').primaryKey(),
  epoch: text('epoch').notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
});

export const projects = sqliteTable('projects', {
  projectId: text('project_id').primaryKey(),
  root: text('root').notNull().unique(),
  createdAtMs: integer('created_at_ms').notNull(),
});

export const issues = sqliteTable(
  'issues',
  {
    projectId: text('project_id').notNull(),
    issueId: text('issue_id').notNull(),
    title: text('title').notNull(),
    body: text('body').notNull(),
    status: text('status').notNull(),
    workflow: text('workflow'),
    progress: text('progress'),
    createdAtMs: integer('created_at_ms').notNull(),
    updatedAtMs: integer('updated_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.projectId, table.issueId] }),
    index('issues_by_id').on(table.issueId),
    index('issues_by_time').on(table.projectId, table.createdAtMs),
    index('issues_by_age').on(table.updatedAtMs, table.projectId, table.issueId),
  ],
);

/** The log. `body` is the event as readers get it, written once and never parsed to be delivered. */
export const events = sqliteTable(
  'events',
  {
    id: integer('id').primaryKey(),
    projectId: text('project_id').notNull(),
    sequence: integer('sequence').notNull(),
    eventId: text('event_id').notNull(),
    eventType: text('event_type').notNull(),
    topic: text('topic').notNull(),
    acceptedAtMs: integer('accepted_at_ms').notNull(),
    expiresAtMs: integer('expires_at_ms').notNull(),
    body: text('body').notNull(),
  },
  (table) => [
    uniqueIndex('events_by_position').on(table.projectId, table.sequence),
    uniqueIndex('events_by_event_id').on(table.eventId),
    // Who waits for a type from the oldest event on must not look at all others.
    index('events_by_type').on(table.projectId, table.eventType, table.sequence),
    index('events_by_expiry').on(table.expiresAtMs),
  ],
);

/** How far a project’s log was trimmed and counted; survives an emptied log. */
export const logPositions = sqliteTable('log_positions', {
  projectId: text('project_id').primaryKey(),
  trimmedSequence: integer('trimmed_sequence').notNull(),
  /** Newest sequence at the last trimming, for when the newest events are gone too. */
  headSequence: integer('head_sequence').notNull(),
});

/** Who gets what while not connected, and how far it has come (DECISIONS 13). */
export const consumers = sqliteTable(
  'consumers',
  {
    projectId: text('project_id').notNull(),
    name: text('name').notNull(),
    /** Who may use it: agents of this type; null: the operator alone. */
    agentType: text('agent_type'),
    /** The one agent it was kept for at its spawn, or null. */
    agentId: text('agent_id'),
    interests: text('interests').notNull(),
    ackDeadlineMs: integer('ack_deadline_ms').notNull(),
    maxDeliveries: integer('max_deliveries').notNull(),
    /** Every event up to here was handed out or not wanted. */
    sequence: integer('sequence').notNull(),
    createdAtMs: integer('created_at_ms').notNull(),
    lastUsedAtMs: integer('last_used_at_ms'),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.name] })],
);

/** Events handed out and not acknowledged. */
export const deliveries = sqliteTable(
  'deliveries',
  {
    projectId: text('project_id').notNull(),
    consumer: text('consumer').notNull(),
    sequence: integer('sequence').notNull(),
    /** How often it was handed out. */
    attempts: integer('attempts').notNull(),
    /** Who may acknowledge it; null while it waits to be handed out again. */
    lease: text('lease'),
    member: text('member'),
    /** When the lease ends or the waiting is over. */
    dueAtMs: integer('due_at_ms').notNull(),
    /** Failed attempts, as JSON. */
    history: text('history').notNull(),
    /** The event, once the log no longer has it. */
    body: text('body'),
    /** Why it is not handed out again after this attempt, once the log no longer has the event. */
    lost: text('lost'),
  },
  (table) => [
    primaryKey({ columns: [table.projectId, table.consumer, table.sequence] }),
    index('deliveries_by_due').on(table.projectId, table.consumer, table.dueAtMs),
    index('deliveries_ending').on(table.dueAtMs),
  ],
);

/** Events that a durable consumer did not take, and why (DECISIONS 14). */
export const deadLetters = sqliteTable(
  'dead_letters',
  {
    /** In the order of making. */
    id: integer('id').primaryKey(),
    deadLetterId: text('dead_letter_id').notNull(),
    projectId: text('project_id').notNull(),
    consumer: text('consumer').notNull(),
    agentType: text('agent_type'),
    sequence: integer('sequence').notNull(),
    reason: text('reason').notNull(),
    detail: text('detail'),
    attempts: integer('attempts').notNull(),
    history: text('history').notNull(),
    createdAtMs: integer('created_at_ms').notNull(),
  },
  (table) => [
    uniqueIndex('dead_letters_by_dead_letter_id').on(table.deadLetterId),
    index('dead_letters_by_project').on(table.projectId, table.id),
    index('dead_letters_by_event').on(table.projectId, table.sequence),
    index('dead_letters_by_time').on(table.createdAtMs),
  ],
);

/** Events that dead letters are of, each once: one may be a megabyte, and a dead letter of a thousand consumers. */
export const deadLetterEvents = sqliteTable(
  'dead_letter_events',
  {
    projectId: text('project_id').notNull(),
    sequence: integer('sequence').notNull(),
    body: text('body').notNull(),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.sequence] })],
);

export const results = sqliteTable(
  'results',
  {
    resultId: text('result_id').primaryKey(),
    projectId: text('project_id').notNull(),
    issueId: text('issue_id').notNull(),
    agentId: text('agent_id').notNull(),
    agentType: text('agent_type').notNull(),
    status: text('status').notNull(),
    body: text('body').notNull(),
    timestampMs: integer('timestamp_ms').notNull(),
    storedAtMs: integer('stored_at_ms').notNull(),
  },
  (table) => [
    index('results_by_issue').on(table.projectId, table.issueId, table.storedAtMs),
    index('results_by_time').on(table.projectId, table.storedAtMs),
    index('results_by_age').on(table.storedAtMs, table.resultId),
  ],
);

export const agents = sqliteTable(
  'agents',
  {
    agentId: text('agent_id').primaryKey(),
    projectId: text('project_id').notNull(),
    issueId: text('issue_id'),
    agentType: text('agent_type').notNull(),
    state: text('state').notNull(),
    createdAtMs: integer('created_at_ms').notNull(),
    /** Everything else about the agent, as JSON of the agents room. */
    body: text('body').notNull(),
  },
  (table) => [
    index('agents_by_project').on(table.projectId, table.createdAtMs),
    index('agents_by_issue').on(table.projectId, table.issueId),
    index('agents_by_state').on(table.state),
    index('agents_by_age').on(table.createdAtMs, table.agentId),
  ],
);

/** What no clean-up removes. */
export const pins = sqliteTable(
  'pins',
  {
    projectId: text('project_id').notNull(),
    /** `issue` or `result`. */
    kind: text('kind').notNull(),
    id: text('id').notNull(),
    pinnedAtMs: integer('pinned_at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.kind, table.id] })],
);

/** Issued tokens, so that they can be revoked. The token itself is not kept. */
export const tokens = sqliteTable(
  'tokens',
  {
    jti: text('jti').primaryKey(),
    agentId: text('agent_id').notNull(),
    projectId: text('project_id').notNull(),
    expiresAtMs: integer('expires_at_ms').notNull(),
    revokedAtMs: integer('revoked_at_ms'),
  },
  (table) => [index('tokens_by_agent').on(table.agentId), index('tokens_by_expiry').on(table.expiresAtMs)],
);

/** First outcomes of requests with an idempotency key (DECISIONS 15). */
export const idempotency = sqliteTable(
  'idempotency',
  {
    caller: text('caller').notNull(),
    procedure: text('procedure').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    answer: text('answer').notNull(),
    expiresAtMs: integer('expires_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.caller, table.procedure, table.key] }),
    index('idempotency_by_expiry').on(table.expiresAtMs),
  ],
);

/** Nonces seen from publishers (DECISIONS 16). */
export const nonces = sqliteTable(
  'nonces',
  {
    publisher: text('publisher').notNull(),
    nonce: text('nonce').notNull(),
    expiresAtMs: integer('expires_at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.publisher, table.nonce] }), index('nonces_by_expiry').on(table.expiresAtMs)],
);

/** Workflows resolving issues, each as its last decision left it: JSON of the workflow room. */
export const workflowRuns = sqliteTable(
  'workflow_runs',
  {
    projectId: text('project_id').notNull(),
    issueId: text('issue_id').notNull(),
    /** Whether nothing of it is left to do. */
    settled: integer('settled', { mode: 'boolean' }).notNull(),
    updatedAtMs: integer('updated_at_ms').notNull(),
    body: text('body').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.projectId, table.issueId] }),
    index('workflow_runs_unsettled').on(table.projectId, table.settled),
  ],
);

/** How far the workflow engine has acted on each project’s log. */
export const workflowCursors = sqliteTable('workflow_cursors', {
  projectId: text('project_id').primaryKey(),
  sequence: integer('sequence').notNull(),
});

/** Who did what: each record’s text and what it hashes to after the one before. Only ever added to. */
export const audit = sqliteTable(
  'audit',
  {
    sequence: integer('sequence').primaryKey(),
    atMs: integer('at_ms').notNull(),
    body: text('body').notNull(),
    hash: text('hash').notNull(),
  },
  (table) => [index('audit_by_time').on(table.atMs)],
);
