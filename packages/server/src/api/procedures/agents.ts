import { contract, LIVE_AGENT_STATES, SidecarError, type Agent, type AgentState } from '@orchestration-sidecar/shared';
import { renderLaunchScript } from '../../agents/index.ts';
import type { KnownPrincipal } from '../../runtime/principal.ts';
import { permissionsOf } from '../../runtime/principal.ts';
import { currentCall } from '../../telemetry/call-context.ts';
import { readTraceContext, type TraceContext } from '../../telemetry/trace-context.ts';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy } from './scope.ts';
import { spawnMeantBy } from './spawn-input.ts';

export function agentProcedures(rooms: Rooms): Implementations<typeof contract.agents> {
  const { agents, profiles, projects, workflow } = rooms;

  /** An agent that the caller can see; one of another project does not exist for it. */
  const visible = (principal: KnownPrincipal, input: { agent_id: string; project_id?: string | undefined }): Agent => {
    const agent = agents.find(input.agent_id);
    const projectId = principal.kind === 'agent' ? principal.projectId : (input.project_id ?? agent?.project_id);
    if (input.project_id !== undefined) projects.meantBy(principal, input.project_id);
    if (!agent || agent.project_id !== projectId) {
      throw new SidecarError('AGENT_NOT_FOUND', `There is no agent ${input.agent_id} in this project.`);
    }
    return agent;
  };

  return {
    spawn: implement(contract.agents.spawn, async (input, { principal, correlationId }) => {
      const meant = spawnMeantBy(rooms, principal, input);
      // Within the limits of the issue's workflow: reserved before the start, so that a storm cannot overshoot.
      const { project, issue, profile, parentId } = meant;
      const release = workflow.admit(project.project_id, issue.issue_id, profile.agent_type, parentId);
      const { agent_id } = await agents
        .spawn({
          ...meant,
          isBudgetLow: workflow.isBudgetLow(project.project_id, issue.issue_id),
          task: input.task,
          permissions: profile.permissions.filter((permission) => permissionsOf(principal).includes(permission)),
          idempotencyKey: input.idempotency_key,
          correlationId,
          trace: traceMeantBy(input.traceparent),
        })
        .finally(release);
      const { process_id, state, queue } = await agents.status(agent_id);
      return {
        agent_id,
        spawned: process_id !== null,
        process_id,
        context_injected: process_id !== null,
        webhook_url: `/api/agents/${agent_id}/status`,
        state,
        queue,
      };
    }),
    preflight: implement(contract.agents.preflight, (input, { principal }) =>
      agents.forecast(spawnMeantBy(rooms, principal, input)),
    ),
    list: implement(contract.agents.list, ({ project_id, ...query }, { principal }) =>
      agents.list({
        projectId: projects.meantBy(principal, project_id).project_id,
        issueId: query.issue_id,
        agentType: query.agent_type,
        parentId: query.parent_id,
        states: statesMeantBy(query.state, query.live),
        limit: query.limit,
        cursor: query.cursor,
      }),
    ),
    status: implement(contract.agents.status, (input, { principal }) =>
      agents.status(visible(principal, input).agent_id),
    ),
    stop: implement(contract.agents.stop, (input, { principal }) =>
      agents.stop(visible(principal, input).agent_id, input.reason),
    ),
    stopAll: implement(contract.agents.stopAll, async (input, { principal }) => {
      const { project_id: projectId } = projects.meantBy(principal, input.project_id);
      const { issue_id: issueId, agent_type: agentType, reason } = input;
      return { agents: await agents.stopAll({ projectId, issueId, agentType }, reason), next_cursor: null };
    }),
    logs: implement(contract.agents.logs, async (input, { principal, signal }) => {
      const { agent_id } = visible(principal, input);
      const { attempt, stream, from_byte: fromByte, limit, wait: waitMs } = input;
      const page = await agents.logs(agent_id, { attempt, stream, fromByte, limit, waitMs }, signal);
      return { agent_id, stream, ...page };
    }),
    script: implement(contract.agents.script, (input, { principal }) => {
      const { agent_type, program } = input;
      const { launcher } = profiles.require(agent_type);
      const { issue, project } = issueMeantBy(rooms, principal, input);
      const script = renderLaunchScript({
        agentId: input.agent_id === undefined ? null : visible(principal, { agent_id: input.agent_id }).agent_id,
        agentType: agent_type,
        issueId: issue.issue_id,
        projectId: project.project_id,
        projectDir: project.root,
        sidecarUrl: rooms.sidecarUrl(),
        program: program ?? launcher.program ?? SPECIFIED_PROGRAM,
        args: program === undefined ? (launcher.args ?? []) : [],
        specifiedArgs: true,
      });
      return { script, agent_type, issue_id: issue.issue_id, project_id: project.project_id };
    }),
  };
}

/** What the specification’s launch script runs. */
const SPECIFIED_PROGRAM = 'claude-code';
const ENDED_STATES: readonly AgentState[] = ['exited', 'failed', 'stopped'];

function statesMeantBy(state: AgentState | undefined, live: boolean | undefined): readonly AgentState[] | undefined {
  const byLife = live === undefined ? undefined : live ? LIVE_AGENT_STATES : ENDED_STATES;
  if (state === undefined) return byLife;
  return byLife === undefined || byLife.includes(state) ? [state] : [];
}

/** The trace that a spawn belongs to: the one its input names, else that of the call. */
function traceMeantBy(traceparent: string | undefined): TraceContext | undefined {
  const named = readTraceContext(traceparent);
  const ofCall = currentCall()?.trace;
  // Over REST the input’s is the header of the call, which has come further since.
  return named && named.traceId !== ofCall?.traceId ? named : ofCall;
}
