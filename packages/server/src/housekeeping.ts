import { sweepAgentDirectories, type Agents } from './agents/index.ts';
import type { AuditLog, Tokens } from './broker/index.ts';
import { repeat, type Clock, type Timer } from './runtime/clock.ts';
import type { Config } from './runtime/config.ts';
import type { DataDir } from './storage/data-dir.ts';
import type { LogFile } from './telemetry/log-file.ts';
import type { Logger } from './telemetry/logger.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long the output of an ended agent is kept: as long as results. */
const AGENT_DIRECTORY_MS = 30 * DAY_MS;
/** How often what has expired is forgotten. */
const HOUSEKEEPING_MS = 60_000;

/** What is looked after. */
export interface HousekeepingNeeds {
  readonly agents: Agents;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly config: Config;
  readonly logFile: LogFile;
  readonly logger: Logger;
  readonly places: DataDir;
  readonly tokens: Tokens;
}

/**
 * Forgets what has expired, once a minute: log files, tokens and keys, audit records, agents’ directories. One that
 * fails is logged and keeps none of the others from their turn.
 * @returns cancels it.
 */
export function keepHouse({ agents, audit, clock, config, logFile, logger, places, tokens }: HousekeepingNeeds): Timer {
  return repeat(clock, HOUSEKEEPING_MS, async () => {
    const nowMs = clock.nowMs();
    logFile.keepUp();
    await tokens
      .keepUp(config.keyMaxAgeDays * DAY_MS)
      .catch((cause: unknown) => logger.error({ err: cause }, 'tokens and keys could not be looked after'));
    await audit
      .trim(nowMs - config.auditRetentionDays * DAY_MS, config.auditMaxRecords)
      .catch((cause: unknown) => logger.error({ err: cause }, 'audit records could not be trimmed'));
    await sweepAgentDirectories(places.agents, {
      olderThanMs: AGENT_DIRECTORY_MS,
      nowMs,
      isAlive: (agentId) => agents.isAlive(agentId),
    }).catch((cause: unknown) => logger.warn({ err: cause }, 'directories of agents could not be swept'));
  });
}
