import { LIMITS, SidecarError, type Profile, type ResultBody, type StoredResult } from '@orchestration-sidecar/shared';
import type { EventBus } from '../events/index.ts';
import { isoTime, type Clock } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import { once } from '../storage/idempotency.ts';
import type { Writer } from '../storage/writer.ts';
import { announcementOf } from './announcement.ts';
import type { ResultMirror } from './result-mirror.ts';
import type { ResultQuery, ResultStore } from './result-store.ts';

/** Says who goes on after a stored result; the workflow engine where one drives the issue, else the profile. */
export interface HandOver {
  nextAgents(result: StoredResult): readonly string[];
}

/** What the results need. */
export interface ResultsNeeds {
  readonly store: ResultStore;
  readonly mirror: ResultMirror;
  readonly events: EventBus;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly handOver: HandOver;
}

/** A result to store, by whom and for what. */
export interface ResultDraft {
  readonly projectId: string;
  readonly issueId: string;
  readonly agentId: string;
  readonly profile: Profile;
  readonly body: ResultBody;
  readonly timestamp?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly correlationId: string;
}

/** Answer to a stored result. */
export interface ResultReceipt {
  readonly id: string;
  readonly stored: true;
  readonly storage_path: string;
  readonly next_agents: string[];
  readonly event_published: boolean;
  readonly event_id: string | null;
}

/** What agents hand in. */
export class Results {
  readonly #needs: ResultsNeeds;

  constructor(needs: ResultsNeeds) {
    this.#needs = needs;
  }

  /**
   * Stores a result and announces it in one transaction; resolves when both are on disk and mirrored.
   * @throws {SidecarError} `IDEMPOTENCY_CONFLICT`, `PAYLOAD_TOO_LARGE`, `STORAGE_UNAVAILABLE`.
   */
  async store(draft: ResultDraft): Promise<ResultReceipt> {
    const { store, mirror, events, writer, clock, ids, handOver } = this.#needs;
    const { projectId, issueId, agentId, profile } = draft;
    const agentType = profile.agent_type;
    const body = JSON.stringify(draft.body);
    if (Buffer.byteLength(body) > LIMITS.maxResultBytes) {
      throw new SidecarError('PAYLOAD_TOO_LARGE', 'The result is too large.', {
        extension: { maxBytes: LIMITS.maxResultBytes },
      });
    }
    const nowMs = clock.nowMs();
    const keyed =
      draft.idempotencyKey === undefined
        ? undefined
        : {
            caller: `${projectId}/${agentId}`,
            procedure: 'results.store',
            key: draft.idempotencyKey,
            request: { issueId, agentType, body: draft.body, timestamp: draft.timestamp },
            nowMs,
          };
    let fresh: StoredResult | undefined;
    const receipt = await writer.write((transaction) =>
      once(transaction, keyed, (): ResultReceipt => {
        const timestampMs = draft.timestamp === undefined ? nowMs : Date.parse(draft.timestamp);
        const result: StoredResult = {
          id: `result-${ids.orderedUuid()}`,
          agent_id: agentId,
          agent_type: agentType,
          issue_id: issueId,
          project_id: projectId,
          result: draft.body,
          timestamp: isoTime(timestampMs),
          stored_at: isoTime(nowMs),
        };
        store.insert(transaction, {
          resultId: result.id,
          projectId,
          issueId,
          agentId,
          agentType,
          status: draft.body.status,
          body,
          timestampMs,
          storedAtMs: nowMs,
        });
        const nextAgents = [...handOver.nextAgents(result)];
        const { event } = events.append(transaction, {
          ...announcementOf(result, profile, nextAgents),
          correlationId: draft.correlationId,
        });
        fresh = result;
        return {
          id: result.id,
          stored: true,
          storage_path: mirror.pathOf(result),
          next_agents: nextAgents,
          event_published: true,
          event_id: event.event_id,
        };
      }),
    );
    if (fresh) await mirror.add(fresh);
    return receipt;
  }

  /**
   * The result of an id.
   * @throws {SidecarError} `RESULT_NOT_FOUND`.
   */
  require(projectId: string, resultId: string): StoredResult {
    const result = this.#needs.store.find(projectId, resultId);
    if (!result) throw new SidecarError('RESULT_NOT_FOUND', `There is no result ${resultId} in this project.`);
    return result;
  }

  /** A page of results, newest first. */
  list(query: ResultQuery): { results: StoredResult[]; next_cursor: string | null } {
    return this.#needs.store.list(query);
  }

  /** Results kept, over all projects. */
  count(): number {
    return this.#needs.store.count();
  }
}
