import {
  olderThan,
  sweepRows,
  type Fate,
  type Holds,
  type Sweep,
  type SweepOptions,
  type Tally,
} from '../storage/clean-up/index.ts';
import type { Writer } from '../storage/writer.ts';
import { isAlive } from './agent-record.ts';
import type { AgedAgent, AgentStore } from './agent-store.ts';

/** What the sweep needs. */
export interface AgentSweepNeeds {
  readonly store: AgentStore;
  readonly holds: Holds;
  readonly writer: Writer;
  /** Whether the agent’s own folder is still there. */
  readonly hasFolder: (agentId: string) => boolean;
  /** At least the 24 hours for which budgets count what agents have used. */
  readonly retentionMs: number;
}

/** Removes the records of agents that ended too long ago and have no folder left. */
export class AgentSweep implements Sweep {
  readonly kind = 'agents';
  readonly #needs: AgentSweepNeeds;

  constructor(needs: AgentSweepNeeds) {
    this.#needs = needs;
  }

  run(options: SweepOptions): Promise<Tally> {
    const { store, writer, retentionMs } = this.#needs;
    const { beforeMs } = olderThan(retentionMs, { nowMs: options.nowMs });
    return sweepRows<AgedAgent>(
      {
        writer,
        after: (position, bounds) => store.createdBefore(beforeMs, position, bounds),
        fateOf: (agent) => this.#fateOf(agent, beforeMs),
        remove: (transaction, gone) =>
          store.remove(
            transaction,
            gone.map(({ agentId }) => agentId),
          ),
      },
      options,
    );
  }

  #fateOf({ agentId, projectId, issueId, state, endedAt, hasToken }: AgedAgent, beforeMs: number): Fate {
    const { hasFolder, holds } = this.#needs;
    // One that is none of ours ends with its last token; when, nobody knows.
    const ended = state === 'external' || (!isAlive(state) && endedAt !== null && Date.parse(endedAt) < beforeMs);
    if (!ended || hasToken || hasFolder(agentId)) return 'not_yet';
    return issueId === null ? 'due' : (holds.of({ projectId, issueId }) ?? 'due');
  }
}
