import type { AgedIssue, IssueStore } from '../issues/index.ts';
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
import type { RunStore } from './run-store.ts';

/** What the sweep needs. */
export interface IssueSweepNeeds {
  readonly issues: IssueStore;
  readonly runs: RunStore;
  readonly holds: Holds;
  readonly writer: Writer;
  readonly retentionMs: number;
}

/** Removes issues that ended too long ago and of which no result and no agent is left, each with its workflow’s run. */
export class IssueSweep implements Sweep {
  readonly kind = 'issues';
  readonly #needs: IssueSweepNeeds;

  constructor(needs: IssueSweepNeeds) {
    this.#needs = needs;
  }

  run(options: SweepOptions): Promise<Tally> {
    const { issues, runs, writer, retentionMs } = this.#needs;
    const { beforeMs } = olderThan(retentionMs, { nowMs: options.nowMs });
    return sweepRows<AgedIssue>(
      {
        writer,
        after: (position, bounds) => issues.endedBefore(beforeMs, position, bounds),
        fateOf: (issue) => this.#fateOf(issue),
        remove(transaction, gone) {
          for (const { projectId, issueId } of gone) {
            issues.remove(transaction, projectId, issueId);
            runs.remove(projectId, issueId);
          }
        },
      },
      options,
    );
  }

  #fateOf({ projectId, issueId }: AgedIssue): Fate {
    const { runs, holds } = this.#needs;
    if (runs.isUnsettled(projectId, issueId)) return 'running';
    const hold = holds.of({ projectId, issueId });
    if (hold) return hold;
    return holds.hasRemains({ projectId, issueId }) ? 'not_yet' : 'due';
  }
}
