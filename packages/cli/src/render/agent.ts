import type { Agent, AgentActivity, AgentState, OutputOf, contract } from '@orchestration-sidecar/shared';
import type { Style, Terminal } from '../terminal.ts';
import { ago, bytes, duration, since } from './quantity.ts';
import { renderFields, renderTable, type TableTarget } from './table.ts';
import { cleanText } from './text.ts';

/** Characters at the end of an agent id that are shown for it. */
export const SHORT_ID_CHARS = 8;

/** How each state looks. */
const AGENT_STYLES: Readonly<Record<AgentState, Style>> = {
  queued: 'dim',
  starting: 'yellow',
  running: 'green',
  stopping: 'yellow',
  exited: 'dim',
  failed: 'red',
  stopped: 'dim',
  external: 'blue',
};

/** Agents as a table. On a terminal ids are shortened to their end, which commands take as well. */
export function agentTable(agents: readonly Agent[], target: TableTarget, nowMs: number): string[] {
  return renderTable(
    agents,
    [
      { title: 'agent type', text: ({ agent_type }) => agent_type, style: () => 'bold' },
      { title: 'id', text: ({ agent_id }) => (target.outputIsTerminal ? agent_id.slice(-SHORT_ID_CHARS) : agent_id) },
      { title: 'state', text: ({ state }) => state, style: ({ state }) => AGENT_STYLES[state] },
      { title: 'issue', text: ({ issue_id }) => issue_id ?? '' },
      { title: 'doing', text: (agent) => doing(agent), flexible: true },
      { title: 'for', text: (agent) => lasting(agent, nowMs), align: 'right' },
    ],
    target,
  );
}

/** One agent in full, with the end of its output. */
export function agentLines(
  agent: OutputOf<typeof contract.agents.status>,
  terminal: Terminal,
  nowMs: number,
): string[] {
  const { usage, exit } = agent;
  const tokens =
    usage.input_tokens === null && usage.output_tokens === null
      ? null
      : (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0);
  const fields = renderFields(
    [
      ['agent', agent.agent_id],
      ['issue', agent.issue_id ?? 'none'],
      ['project', agent.project_id],
      ['state', agent.state],
      ['doing', agent.exit === null ? doing(agent) : ''],
      ['outcome', agent.outcome],
      ['exit', exit === null ? '' : `${exit.signal ?? `code ${exit.code ?? 'unknown'}`}, ${exit.reason}`],
      ['process', agent.process_id === null ? '' : `${agent.process_id}`],
      ['launcher', agent.launcher ?? ''],
      ['attempt', `${agent.attempt}, ${agent.model_tier}`],
      ['failed before', agent.failures.map((it) => `attempt ${it.attempt}: ${it.reason}, ${it.detail}`).join('\n')],
      ['queue', agent.queue === null ? '' : `place ${agent.queue.position} of ${agent.queue.length}`],
      [
        'uses now',
        agent.resources === null
          ? ''
          : `${agent.resources.processes} processes, ${bytes(agent.resources.memory_bytes)}, ${duration(agent.resources.cpu_ms)} of processor time`,
      ],
      ['held to', agent.limits.map((it) => `${it.name} ${it.limit}`).join(', ')],
      ['started by', agent.parent_id ?? ''],
      ['created', ago(agent.created_at, nowMs)],
      [
        'ran for',
        agent.ended_at === null ? since(agent.started_at, nowMs) : since(agent.started_at, Date.parse(agent.ended_at)),
      ],
      ['tokens', tokens === null ? 'unknown' : `${tokens}`],
      ['cost', usage.cost_usd === null ? 'unknown' : `${usage.cost_usd.toFixed(2)} US dollars`],
      ['may', agent.permissions.join(', ')],
      ['task', agent.task],
    ],
    terminal,
  );
  if (agent.log_tail.length === 0) return fields;
  return [...fields, '', terminal.paint('dim', 'last output'), ...agent.log_tail.map((line) => cleanText(line))];
}

/** What an agent does now, or how it ended, in a few words. */
export function doing({ state, activity, exit, outcome }: Agent): string {
  switch (state) {
    case 'queued':
      return activity.cause || 'waits for its turn';
    case 'exited':
      return `done, ${outcome}`;
    case 'failed':
    case 'stopped':
      return exit?.reason ?? state;
    default:
      return activityText(activity);
  }
}

function activityText({ kind, cause }: AgentActivity): string {
  return kind === 'none' || kind === 'silent' ? cause : `${kind}: ${cause}`;
}

function lasting(agent: Agent, nowMs: number): string {
  const { started_at, ended_at, created_at, activity } = agent;
  if (ended_at !== null) return since(started_at ?? created_at, Date.parse(ended_at));
  return since(activity.since ?? started_at ?? created_at, nowMs);
}
