import type { Issue } from '@orchestration-sidecar/shared';
import type { Snapshot } from '../snapshot.ts';
import type { Paint, Style } from '../terminal.ts';
import { agentRows } from './agent-rows.ts';
import { ISSUE_STYLES } from './issue.ts';
import { needLines } from './needs.ts';
import { duration } from './quantity.ts';
import { cleanText, cut, pad, widthOf } from './text.ts';

/** Where the board is drawn. */
export interface StatusTarget {
  readonly paint: Paint;
  readonly url: string;
  readonly columns: number;
  /** Lines there are. */
  readonly rows: number;
  /** Undefined: how long things last is left out, and so is every number that changes by itself. */
  readonly nowMs: number | undefined;
}

const HEALTH_STYLES: Readonly<Record<Snapshot['health']['status'], Style>> = {
  healthy: 'green',
  degraded: 'yellow',
  unhealthy: 'red',
};
const MARKS: Readonly<Record<Issue['status'], string>> = {
  open: '·',
  running: '●',
  paused: '◌',
  resolved: '✓',
  failed: '✗',
  cancelled: '✗',
};

/** How everything stands: what needs a person first, then the issues, then the agents. */
export function statusBoard(snapshot: Snapshot, target: StatusTarget): string[] {
  const { needs, issues, agents, blind, status } = snapshot;
  const { paint, columns, rows, nowMs } = target;
  const rowsTarget = { paint, columns, nowMs };
  const running = issues.filter((issue) => issue.status === 'running').length;
  const paused = issues.filter((issue) => issue.status === 'paused').length;
  const working = agents.filter(({ state, activity }) => state === 'running' && activity.kind === 'working').length;
  const head = headLine(snapshot, target);
  const foot = nowMs === undefined ? [] : ['', paint('dim', cut(footLine(snapshot), columns))];
  const attention =
    needs.length === 0 ? [paint('green', '✓ nothing needs you')] : needLines(needs, rowsTarget);
  if (blind !== undefined) {
    return [head, '', `Issues and agents are not shown: ${blind}`, ...foot];
  }
  const issueRows = issues.filter((issue) => issue.status !== 'failed').map((issue) => issueRow(issue, target));
  const agentLines = agentRows(agents, rowsTarget, true).map((line) => (nowMs === undefined ? line.trimEnd() : line));
  const free = rows - 8 - attention.length - foot.length;
  const [shownIssues, shownAgents] = share(free, issueRows, agentLines);
  return [
    head,
    '',
    ...attention,
    '',
    `${paint('bold', 'Issues')}  ${paint('dim', `${running} running, ${paused} paused`)}`,
    ...limited(issueRows, shownIssues, 'No issue is under way.', paint),
    '',
    `${paint('bold', 'Agents')}  ${paint('dim', `${agents.length} alive, ${working} working, ${status.agents.completed} done, ${status.agents.failed} failed`)}`,
    ...limited(agentLines, shownAgents, 'No agent is alive.', paint),
    ...foot,
  ];
}

function headLine({ health }: Snapshot, { url, paint, columns, nowMs }: StatusTarget): string {
  const left = `Orchestration Sidecar ${health.version}  ${url}`;
  const up = nowMs === undefined ? '' : `, up ${duration(health.uptime_seconds * 1000)}`;
  const space = columns - widthOf(`${health.status}${up}`);
  return `${paint('bold', pad(cut(left, space - 2), space))}${paint(HEALTH_STYLES[health.status], health.status)}${up}`;
}

function footLine({ status, health }: Snapshot): string {
  const { events, performance, storage } = status;
  const p99 = performance.p99_response_time_ms;
  return [
    `${events.total_published} events`,
    `${events.queue_depth} queued`,
    `${events.active_subscriptions} subscribers`,
    `${performance.requests_per_second.toFixed(1)} requests/s${p99 === null ? '' : `, p99 ${p99.toFixed(0)} ms`}`,
    `${storage.total_size_mb.toFixed(1)} MB stored`,
    `${health.checks.memory_usage_mb.toFixed(0)} MB memory`,
  ].join(' · ');
}

function issueRow({ issue_id, status, progress, title }: Issue, { paint, columns }: StatusTarget): string {
  const phase = progress?.phase ?? status;
  const waits = progress && progress.waiting_for.length > 0 ? `waits on ${progress.waiting_for.join(', ')}` : (progress?.reason ?? '');
  const start = `${MARKS[status]} ${pad(cut(issue_id, 20), Math.min(20, Math.max(8, widthOf(issue_id))))}  ${pad(phase, 16)}  `;
  const room = columns - widthOf(start);
  const what = cut(cleanText(waits === '' ? title : `${waits} — ${title}`), room);
  return `${paint(ISSUE_STYLES[status], start)}${what}`;
}

/** Shares lines between two lists: what one does not need the other gets. */
function share(lines: number, first: readonly string[], second: readonly string[]): [number, number] {
  if (lines === Infinity || first.length + second.length <= lines) return [first.length, second.length];
  const half = Math.max(2, Math.floor(lines / 2));
  const one = Math.min(first.length, Math.max(half, lines - second.length));
  return [one, Math.max(2, lines - one)];
}

function limited(lines: readonly string[], most: number, none: string, paint: Paint): string[] {
  if (lines.length === 0) return [paint('dim', `  ${none}`)];
  if (lines.length <= most) return [...lines];
  const shown = Math.max(0, most - 1);
  return [...lines.slice(0, shown), paint('dim', `  and ${lines.length - shown} more`)];
}
