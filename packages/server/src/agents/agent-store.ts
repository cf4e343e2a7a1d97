import { and, count, desc, eq, exists, gte, inArray, lt, ne, notInArray, or, sql } from 'drizzle-orm';
import { AgentState, LIVE_AGENT_STATES, type Agent } from '@orchestration-sidecar/shared';
import { withinSize, type BatchBounds } from '../storage/clean-up/index.ts';
import type { Database } from '../storage/database.ts';
import { decodePageCursor, encodePageCursor } from '../storage/page-cursor.ts';
import { pageLength } from '../storage/page-length.ts';
import { agents, tokens } from '../storage/schema.ts';
import { readStored } from '../storage/stored-json.ts';
import type { Transaction } from '../storage/writer.ts';
import type { AgentRecord } from './agent-record.ts';

/** Which agents to list. */
export interface AgentQuery {
  readonly projectId: string;
  readonly issueId?: string | undefined;
  readonly agentType?: string | undefined;
  readonly parentId?: string | undefined;
  /** Only those in one of these states. */
  readonly states?: readonly AgentState[] | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** An agent that may have been kept long enough. */
export interface AgedAgent {
  readonly agentId: string;
  readonly projectId: string;
  readonly issueId: string | null;
  readonly state: AgentState;
  readonly createdAtMs: number;
  /** ISO 8601; null: it has not ended, or is none of ours. */
  readonly endedAt: string | null;
  /** Whether a token of its has not expired. */
  readonly hasToken: boolean;
  readonly bytes: number;
}

/** Agents in SQLite. */
export class AgentStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Adds an agent. */
  insert(transaction: Transaction, record: AgentRecord): void {
    const { agent } = record;
    transaction.database.query
      .insert(agents)
      .values({
        agentId: agent.agent_id,
        projectId: agent.project_id,
        issueId: agent.issue_id,
        agentType: agent.agent_type,
        state: agent.state,
        createdAtMs: Date.parse(agent.created_at),
        body: JSON.stringify(record),
      })
      .run();
  }

  /** Writes what became of an agent. */
  update(transaction: Transaction, record: AgentRecord): void {
    transaction.database.query
      .update(agents)
      .set({ state: record.agent.state, body: JSON.stringify(record) })
      .where(eq(agents.agentId, record.agent.agent_id))
      .run();
  }

  /** One agent, of whichever project. */
  find(agentId: string): AgentRecord | undefined {
    const row = this.#database.query
      .select({ body: agents.body })
      .from(agents)
      .where(eq(agents.agentId, agentId))
      .get();
    return row && toRecord(row);
  }

  /** Agents in any of the states, oldest first. */
  inStates(states: readonly AgentState[]): AgentRecord[] {
    return this.#database.query
      .select({ body: agents.body })
      .from(agents)
      .where(inArray(agents.state, [...states]))
      .orderBy(agents.createdAtMs)
      .all()
      .map(toRecord);
  }

  /** Agents of a project that run or are still to run. */
  liveOf(projectId: string): Agent[] {
    const where = and(eq(agents.projectId, projectId), inArray(agents.state, [...LIVE_AGENT_STATES]));
    return this.#database.query
      .select({ body: agents.body })
      .from(agents)
      .where(where)
      .all()
      .map((row) => toRecord(row).agent);
  }

  /** What agents of a project that were made since then have used and ended, and how many were made, live ones too. */
  spentSince(projectId: string, sinceMs: number): { tokens: number; usd: number; spawns: number } {
    const ended = notInArray(agents.state, [...LIVE_AGENT_STATES]);
    const sum = (path: string) =>
      sql<number>`coalesce(sum(case when ${ended} then json_extract(${agents.body}, ${`$.agent.usage.${path}`}) end), 0)`;
    const row = this.#database.query
      .select({ input: sum('input_tokens'), output: sum('output_tokens'), usd: sum('cost_usd'), spawns: count() })
      .from(agents)
      .where(and(eq(agents.projectId, projectId), ne(agents.state, 'external'), gte(agents.createdAtMs, sinceMs)))
      .get();
    return { tokens: (row?.input ?? 0) + (row?.output ?? 0), usd: row?.usd ?? 0, spawns: row?.spawns ?? 0 };
  }

  /** Number of agents in any of the states, over all projects. */
  count(states: readonly AgentState[]): number {
    const where = inArray(agents.state, [...states]);
    return this.#database.query.select({ count: count() }).from(agents).where(where).get()?.count ?? 0;
  }

  /** Number of agents in any of the states, by agent type. */
  countByType(states: readonly AgentState[]): Record<string, number> {
    const rows = this.#database.query
      .select({ agentType: agents.agentType, count: count() })
      .from(agents)
      .where(inArray(agents.state, [...states]))
      .groupBy(agents.agentType)
      .all();
    return Object.fromEntries(rows.map((row) => [row.agentType, row.count]));
  }

  /**
   * Agents that were made before a time, oldest first, after one of them.
   */
  createdBefore(
    beforeMs: number,
    after: Pick<AgedAgent, 'createdAtMs' | 'agentId'> | undefined,
    bounds: BatchBounds,
  ): AgedAgent[] {
    const { createdAtMs, agentId } = after ?? { createdAtMs: -1, agentId: '' };
    const token = this.#database.query.select().from(tokens).where(eq(tokens.agentId, agents.agentId));
    const rows = this.#database.query
      .select({
        agentId: agents.agentId,
        projectId: agents.projectId,
        issueId: agents.issueId,
        state: agents.state,
        createdAtMs: agents.createdAtMs,
        endedAt: sql<string | null>`json_extract(${agents.body}, '$.agent.ended_at')`,
        hasToken: sql<number>`${exists(token)}`,
        bytes: sql<number>`octet_length(${agents.body})`,
      })
      .from(agents)
      .where(
        and(
          lt(agents.createdAtMs, beforeMs),
          sql`(${agents.createdAtMs}, ${agents.agentId}) > (${createdAtMs}, ${agentId})`,
        ),
      )
      .orderBy(agents.createdAtMs, agents.agentId)
      .limit(bounds.maxRows)
      .all();
    return withinSize(rows, (row) => row.bytes, bounds.maxBytes).map((row) => ({
      ...row,
      state: AgentState.parse(row.state),
      hasToken: row.hasToken === 1,
    }));
  }

  /** Removes agents. */
  remove(transaction: Transaction, agentIds: readonly string[]): void {
    transaction.database.query
      .delete(agents)
      .where(inArray(agents.agentId, [...agentIds]))
      .run();
  }

  /** A page of agents, newest first. */
  list(query: AgentQuery): { agents: Agent[]; next_cursor: string | null } {
    const from = decodePageCursor(query.cursor);
    const where = and(
      eq(agents.projectId, query.projectId),
      query.issueId === undefined ? undefined : eq(agents.issueId, query.issueId),
      query.agentType === undefined ? undefined : eq(agents.agentType, query.agentType),
      query.states && inArray(agents.state, [...query.states]),
      query.parentId === undefined
        ? undefined
        : sql`json_extract(${agents.body}, '$.agent.parent_id') = ${query.parentId}`,
      from &&
        or(lt(agents.createdAtMs, from.atMs), and(eq(agents.createdAtMs, from.atMs), lt(agents.agentId, from.id))),
    );
    const order = [desc(agents.createdAtMs), desc(agents.agentId)];
    const sizes = this.#database.query
      .select({ bytes: sql<number>`octet_length(${agents.body})` })
      .from(agents)
      .where(where)
      .orderBy(...order)
      .limit(query.limit + 1)
      .all();
    const length = pageLength(sizes, query.limit);
    const page = this.#database.query
      .select()
      .from(agents)
      .where(where)
      .orderBy(...order)
      .limit(length)
      .all();
    const last = sizes.length > length ? page.at(-1) : undefined;
    return {
      agents: page.map((row) => toRecord(row).agent),
      next_cursor: last ? encodePageCursor({ atMs: last.createdAtMs, id: last.agentId }) : null,
    };
  }
}

function toRecord(row: { body: string }): AgentRecord {
  return readStored<AgentRecord>(row.body);
}
