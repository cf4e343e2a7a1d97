import { SidecarError, SLOT_AGENT_STATES, type Agent, type SpawnForecast } from '@orchestration-sidecar/shared';
import type { AgentStore } from './agent-store.ts';
import { assertEnvironmentAllowed } from './environment.ts';
import type { Launchers } from './launchers/index.ts';
import type { SpawnRequest } from './spawn-request.ts';
import type { Supervisor } from './supervisor.ts';

/** What a spawn would be made of. */
export type ForecastRequest = Pick<
  SpawnRequest,
  'profile' | 'project' | 'issue' | 'environment' | 'launcher' | 'parentId'
>;

/** What a forecast looks at. */
export interface ForecastNeeds {
  readonly store: AgentStore;
  readonly supervisor: Supervisor;
  readonly launchers: Launchers;
}

/** Agents named that would free a slot. */
const MAX_NAMED = 10;

/** Says what a spawn would come to now, and starts nothing. */
export async function forecastSpawn(request: ForecastRequest, needs: ForecastNeeds): Promise<SpawnForecast> {
  const { profile, project, issue, environment, launcher, parentId } = request;
  const { admission } = needs.supervisor;
  const ticket = {
    agentId: '',
    projectId: project.project_id,
    issueId: issue.issue_id,
    agentType: profile.agent_type,
    parentId,
  };
  const depth = needs.supervisor.depthBelow(parentId);
  const found = [
    await problemOf(() => assertEnvironmentAllowed(environment, profile.spawn_environment)),
    await problemOf(() => needs.launchers.locate(launcher, project.root)),
    admission.refusal(ticket, depth),
    needs.supervisor.spend.standing(project.project_id).refusal,
  ];
  const problems = found.filter((problem) => problem !== undefined);
  const queue = admission.forecast(ticket) ?? null;
  const isRefused = problems.length > 0;
  return {
    would: isRefused ? 'refuse' : queue ? 'queue' : 'start',
    queue: isRefused ? null : queue,
    problems: problems.map(({ code, detail, retryable }) => ({ code, detail, retryable })),
    limits: admission.usage(ticket, depth),
    freed_by: queue
      ? slotHolders(needs.store, project.project_id, queue.waits_for === 'type' && profile.agent_type)
      : [],
  };
}

/** Agents of the project that hold a slot, of one type where it is that type’s that are taken. */
function slotHolders(store: AgentStore, projectId: string, agentType: string | false): SpawnForecast['freed_by'] {
  return store
    .inStates(SLOT_AGENT_STATES)
    .map(({ agent }): Agent => agent)
    .filter((agent) => agent.project_id === projectId && (agentType === false || agent.agent_type === agentType))
    .slice(0, MAX_NAMED)
    .map(({ agent_id, agent_type, state, started_at }) => ({ agent_id, agent_type, state, started_at }));
}

async function problemOf(check: () => unknown): Promise<SidecarError | undefined> {
  try {
    await check();
    return undefined;
  } catch (cause) {
    if (cause instanceof SidecarError) return cause;
    throw cause;
  }
}
