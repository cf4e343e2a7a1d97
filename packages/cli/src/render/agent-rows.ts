import type { Agent } from '@orchestration-sidecar/shared';
import type { Style } from '../terminal.ts';
import { doing } from './agent.ts';
import type { BoardTarget } from './board-target.ts';
import { since } from './quantity.ts';
import { cleanText, cut, pad, widthOf } from './text.ts';

interface Look {
  readonly mark: string;
  readonly word: string;
  readonly style: Style;
}

const LOOKS: Readonly<Record<Exclude<Agent['state'], 'running'>, Look>> = {
  queued: { mark: '◌', word: 'queued', style: 'yellow' },
  starting: { mark: '◌', word: 'starts', style: 'yellow' },
  stopping: { mark: '◌', word: 'stops', style: 'yellow' },
  exited: { mark: '✓', word: 'done', style: 'green' },
  failed: { mark: '✗', word: 'failed', style: 'red' },
  stopped: { mark: '✗', word: 'stopped', style: 'dim' },
  external: { mark: '○', word: 'outside', style: 'blue' },
};

const TYPE_COLUMNS = 24;
const WORD_COLUMNS = 8;

/** Agents, a line each: a mark for how it is, its type, what it does and for how long. */
export function agentRows(agents: readonly Agent[], target: BoardTarget, withIssue = false): string[] {
  const typeColumns = Math.min(TYPE_COLUMNS, Math.max(0, ...agents.map(({ agent_type }) => widthOf(agent_type))));
  return agents.map((agent) => {
    const { paint, columns, nowMs } = target;
    const { mark, word, style } = lookOf(agent);
    const time = lasting(agent, nowMs);
    const type = pad(cut(agent.agent_type, typeColumns), typeColumns);
    const start = `${mark} ${type}  ${pad(word, WORD_COLUMNS)}`;
    const issue = withIssue && agent.issue_id !== null ? `${agent.issue_id}: ` : '';
    const room = Math.max(0, columns - widthOf(start) - widthOf(time) - 2);
    const what = pad(cut(cleanText(issue + whatOf(agent)), room), room);
    return `${paint(style, mark)} ${type}  ${paint(style, pad(word, WORD_COLUMNS))}${what}  ${paint('dim', time)}`;
  });
}

function lookOf({ state, activity }: Agent): Look {
  if (state !== 'running') return LOOKS[state];
  if (activity.kind === 'waiting') return { mark: '◌', word: 'waits', style: 'yellow' };
  if (activity.kind === 'silent') return { mark: '!', word: 'silent', style: 'red' };
  return { mark: '●', word: 'works', style: 'green' };
}

function whatOf(agent: Agent): string {
  if (agent.state === 'running') return agent.activity.cause;
  return agent.state === 'exited' ? agent.outcome : doing(agent);
}

function lasting({ created_at, started_at, ended_at, state, activity }: Agent, nowMs: number | undefined): string {
  if (nowMs === undefined) return '';
  if (ended_at !== null) return since(started_at ?? created_at, Date.parse(ended_at));
  return since(state === 'running' && activity.kind !== 'working' ? activity.since : (started_at ?? created_at), nowMs);
}
