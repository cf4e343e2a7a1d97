import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Agents } from '../../agents/index.ts';
import { AgentFolderSweep, AgentStore, AgentSweep } from '../../agents/index.ts';
import type { AuditLog } from '../../broker/index.ts';
import { CacheSweep } from '../../context/index.ts';
import type { Retention } from '../../events/index.ts';
import { IssueStore, type Issues } from '../../issues/index.ts';
import { ResultSweep, type ResultMirror, type Results, type ResultStore } from '../../results/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Config } from '../../runtime/config.ts';
import type { Scope } from '../../runtime/scope.ts';
import type { Checkpoints } from '../../storage/checkpoint/checkpoints.ts';
import { Holds, PinStore, type Hold } from '../../storage/clean-up/index.ts';
import type { DataDir } from '../../storage/data-dir.ts';
import type { Database } from '../../storage/database.ts';
import type { Writer } from '../../storage/writer.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { IssueSweep, RunStore } from '../../workflow/index.ts';
import { CleanUp } from './clean-up.ts';
import { directorySize } from './directory-size.ts';
import { DiskQuota } from './disk-quota.ts';
import { LogSweep } from './log-sweep.ts';
import { Pins } from './pins.ts';

/** What cleaning up needs of the rest of the house. */
export interface OpenCleanUpNeeds {
  readonly config: Config;
  readonly database: Database;
  readonly writer: Writer;
  readonly checkpoints: Checkpoints;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly places: DataDir;
  readonly agents: Agents;
  readonly audit: AuditLog;
  readonly issues: Issues;
  readonly results: Results;
  readonly resultStore: ResultStore;
  readonly resultMirror: ResultMirror;
  readonly retention: Retention;
}

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Opens the clean-up of every room, and the pins that keep things from it; `cleanUp.start()` lets it begin by itself.
 * @param scope ends what is under way.
 */
export function openCleanUp(
  needs: OpenCleanUpNeeds,
  scope: Scope,
): { readonly cleanUp: CleanUp; readonly disk: DiskQuota; readonly pins: Pins } {
  const { config, database, writer, clock, logger, places, agents, audit, issues, results } = needs;
  const holds = new Holds(database);
  const holdOf = (agentId: string): Hold | null => {
    if (agents.isAlive(agentId)) return 'running';
    const agent = agents.find(agentId);
    return agent?.issue_id == null ? null : holds.of({ projectId: agent.project_id, issueId: agent.issue_id });
  };
  const sweeps = [
    new CacheSweep({
      directory: places.contextCache,
      holds,
      retentionMs: config.contextCacheRetentionDays * DAY_MS,
    }),
    new LogSweep({ directory: places.logs, retentionMs: config.logRetentionDays * DAY_MS }),
    // What belongs to another goes after it has gone: so a dry run says of each kind what the clean-up does.
    new IssueSweep({
      issues: new IssueStore(database),
      runs: new RunStore(database),
      holds,
      writer,
      retentionMs: config.issueRetentionDays * DAY_MS,
    }),
    new AgentSweep({
      store: new AgentStore(database),
      holds,
      writer,
      hasFolder: (agentId) => existsSync(join(places.agents, agentId)),
      retentionMs: config.agentRetentionDays * DAY_MS,
    }),
    new AgentFolderSweep({
      directory: places.agents,
      holdOf,
      retentionMs: config.agentFolderRetentionDays * DAY_MS,
    }),
    ...needs.retention.sweeps(),
    new ResultSweep({
      store: needs.resultStore,
      mirror: needs.resultMirror,
      holds,
      writer,
      retentionMs: config.resultRetentionDays * DAY_MS,
    }),
    audit.sweep({ retentionMs: config.auditRetentionDays * DAY_MS, maxRecords: config.auditMaxRecords }),
  ];
  const cleanUp = new CleanUp({
    sweeps,
    database,
    writer,
    checkpoint: () => needs.checkpoints.run(),
    clock,
    logger,
    everyMs: config.cleanUpEveryHours * HOUR_MS,
  });
  const pins = new Pins({
    store: new PinStore(database),
    writer,
    clock,
    mustExist({ kind, projectId, id }) {
      if (kind === 'issue') issues.require(projectId, id);
      else results.require(projectId, id);
    },
  });
  const closing = new AbortController();
  const disk = new DiskQuota({
    quotaBytes: config.diskQuotaBytes,
    measure: () => directorySize(places.root, closing.signal),
    relieve: (bytes) => cleanUp.relieve(bytes),
    clock,
    logger,
  });
  // One part: the disk quota waits for the clean-up that it asked for, so both are told before either is waited for.
  scope.own('clean-up', cleanUp, async () => {
    closing.abort();
    await Promise.all([cleanUp.close(), disk.close()]);
  });
  return { cleanUp, disk, pins };
}
