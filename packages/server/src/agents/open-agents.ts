import { join } from 'node:path';
import type { Config } from '../runtime/config.ts';
import type { Scope } from '../runtime/scope.ts';
import { Processes } from '../process/index.ts';
import type { Database } from '../storage/database.ts';
import type { DataDir } from '../storage/data-dir.ts';
import { AgentStore } from './agent-store.ts';
import { Agents } from './agents.ts';
import { CollectedLog } from './collected-log.ts';
import { Launchers } from './launchers/index.ts';
import { Supervisor, type SupervisorNeeds } from './supervisor.ts';

/** A start that is called off has its processes swept first. */
const CLOSE_MS = 10_000;

/** What the room opens itself, or reads from the configuration. */
type Own =
  | 'store'
  | 'processes'
  | 'launchers'
  | 'collectedLog'
  | 'directory'
  | 'sidecarFile'
  | 'sidecarCaFile'
  | 'limits'
  | 'projectLimits';

/** What agents need of the rest of the house. */
export interface OpenAgentsNeeds extends Omit<SupervisorNeeds, Own> {
  readonly config: Config;
  readonly database: Database;
  readonly places: DataDir;
  /** Where programs are looked for. */
  readonly path: string;
}

/**
 * Opens what starts and watches agents; nothing is adopted or started before `supervisor.recover()`.
 * @param scope lets go of the agents, which outlive it.
 */
export async function openAgents(
  { config, database, places, path, ...needs }: OpenAgentsNeeds,
  scope: Scope,
): Promise<{ readonly supervisor: Supervisor; readonly agents: Agents }> {
  const { clock, writer, ids, logger } = needs;
  const store = new AgentStore(database);
  const directory = places.agents;
  const launchers = new Launchers({ path, program: config.agentProgram });
  const processes = scope.own('processes', await Processes.open({ clock }), (it) => it.close());
  const collectedLog = new CollectedLog(join(places.logs, 'agents.log'), logger);
  scope.own('log of agents', collectedLog, (it) => it.close());
  const supervisor = new Supervisor({
    ...needs,
    store,
    processes,
    launchers,
    collectedLog,
    directory,
    sidecarFile: places.description,
    sidecarCaFile: config.tlsCa ?? config.tlsCert,
    limits: {
      agents: config.maxAgents,
      perProject: config.maxAgentsPerProject,
      perType: config.maxAgentsPerType,
      queued: config.maxQueuedAgents,
      depth: config.maxAgentDepth,
      children: config.maxAgentChildren,
    },
    projectLimits: {
      tokens: config.maxProjectTokens,
      costUsd: config.maxProjectCostUsd,
      spawns: config.maxProjectSpawns,
    },
  });
  scope.own('agents', supervisor, (it) => it.close(), {
    deadlineMs: CLOSE_MS,
    holding: ({ unsettled }) => `${unsettled} agents whose start is called off or whose end is written`,
  });
  return {
    supervisor,
    agents: new Agents({ store, supervisor, launchers, collectedLog, writer, clock, ids, directory }),
  };
}
