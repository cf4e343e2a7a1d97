import type { Issue } from '@orchestration-sidecar/shared';
import type { Snapshot } from '../snapshot.ts';
import type { Paint, Style } from '../terminal.ts';
import { agentRows } from './agent-rows.ts';
import type { BoardTarget } from './board-target.ts';
import { budgetLines } from './budget.ts';
import { ISSUE_STYLES } from './issue.ts';
import { needLines } from './needs.ts';
import { duration } from './quantity.ts';
import { cleanText, cut, pad, widthOf, wrap } from './text.ts';

/** Where the board is drawn, and whose it is. */
export interface StatusTarget extends BoardTarget {
  readonly url: string;
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

/** Projects whose budgets are shown where there is little room. */
const MAX_BUDGETS = 3;

/** How everything stands: what needs a person first, then the issues, then the agents. */
export function statusBoard(snapshot: Snapshot, target: StatusTarget): string[] {
  const { needs, issues, agents, blind, status } = snapshot;
  const { paint, columns, rows, nowMs } = target;
  const top = [headLine(snapshot, target)];
  const running = issues.filter((issue) => issue.status === 'running').length;
  const paused = issues.filter((issue) => issue.status === 'paused').length;
  const numbers = [footLine(snapshot), ...unknownLines(status, columns)];
  const foot = nowMs === undefined ? [] : ['', ...numbers.map((line) => paint('dim', cut(line, columns)))];
  const attention = needs.length === 0 ? [paint('green', '✓ nothing needs you')] : needLines(needs, target);
  if (blind !== undefined) {
    return [...top, ...illLines(snapshot, target), '', `Issues and agents are not shown: ${blind}`, ...foot];
  }
  const underWay = issues.filter((issue) => issue.status !== 'failed').map((issue) => issueRows(issue, target));
  const agentLines = agentRows(agents, target, true).map((line) => (nowMs === undefined ? line.trimEnd() : line));
  const spent = budgetLines(snapshot.budgets, target);
  const budgets = spent.length === 0 ? [] : ['', paint('bold', 'Budgets'), ...few(spent, rows === Infinity, paint)];
  const free = rows - 7 - top.length - attention.length - budgets.length - foot.length;
  const [issueLines, shownAgents] = share(free, underWay.flat().length, agentLines.length);
  return [
    ...top,
    '',
    ...attention,
    '',
    `${paint('bold', 'Issues')}  ${paint('dim', `${running} running, ${paused} paused`)}`,
    ...limited(underWay, Math.floor(issueLines / 2), 'No issue is under way.', paint).flat(),
    '',
    `${paint('bold', 'Agents')}  ${paint('dim', cut(agentCounts(snapshot), columns - 8))}`,
    ...limited(
      agentLines.map((line) => [line]),
      shownAgents,
      'No agent is alive.',
      paint,
    ).flat(),
    ...budgets,
    ...foot,
  ];
}

function agentCounts({ agents, status }: Snapshot): string {
  const running = agents.filter(({ state }) => state === 'running');
  const busy = (kind: string): number => running.filter(({ activity }) => activity.kind === kind).length;
  const queued = agents.filter(({ state }) => state === 'queued').length;
  const silent = busy('silent');
  return [
    `${agents.length} alive`,
    ...(silent > 0 ? [`${silent} silent`] : []),
    `${busy('working')} working`,
    `${busy('waiting')} waiting`,
    `${queued} queued`,
    `${status.agents.completed} done`,
    `${status.agents.failed} failed`,
  ].join(', ');
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
    ...(events.queue_depth > 0 ? [`${events.queue_depth} queued`] : []),
    `${performance.requests_per_second.toFixed(1)} requests/s${p99 === null ? '' : `, p99 ${p99.toFixed(0)} ms`}`,
    `${storage.total_size_mb.toFixed(1)} MB stored`,
    `${health.checks.memory_usage_mb.toFixed(0)} MB memory`,
  ].join(' · ');
}

/** Why it is not healthy, a line each. */
function illLines({ health }: Snapshot, { paint, columns }: StatusTarget): string[] {
  return health.reasons.map((reason) => paint(HEALTH_STYLES[health.status], cut(`! ${cleanText(reason)}`, columns)));
}

/** Which numbers are not known, and why. */
function unknownLines({ unknown }: Snapshot['status'], columns: number): string[] {
  const byReason = Map.groupBy(Object.entries(unknown), ([, reason]) => reason);
  return [...byReason].flatMap(([reason, entries]) =>
    wrap(`unknown: ${entries.map(([path]) => path.slice(path.lastIndexOf('.') + 1)).join(', ')}: ${reason}`, columns),
  );
}

/** Two lines: what the issue is about, and where it stands. */
function issueRows({ issue_id, status, progress, title }: Issue, { paint, columns }: StatusTarget): string[] {
  const waits =
    progress && progress.waiting_for.length > 0 ? `waits on ${progress.waiting_for.join(', ')}` : progress?.reason;
  const stands = [
    progress?.phase ?? status,
    ...(progress && progress.round > 1 ? [`round ${progress.round}`] : []),
    ...(waits ? [waits] : []),
  ];
  const room = columns - widthOf(issue_id) - 4;
  return [
    `${paint(ISSUE_STYLES[status], `${MARKS[status]} ${issue_id}`)}  ${paint('bold', cut(cleanText(title), room))}`,
    `  ${cut(cleanText(stands.join(' · ')), columns - 2)}`,
  ];
}

/** Lines of which a board with a bottom shows a few. */
function few(lines: readonly string[], all: boolean, paint: Paint): readonly string[] {
  const entries = lines.map((line) => [line]);
  return limited(entries, all ? Infinity : MAX_BUDGETS, '', paint).flat();
}

/** Shares lines between two lists: what one does not need the other gets. */
function share(lines: number, first: number, second: number): [number, number] {
  if (first + second <= lines) return [first, second];
  const half = Math.max(2, Math.floor(lines / 2));
  const one = Math.min(first, Math.max(half, lines - second));
  return [one, Math.max(2, lines - one)];
}

function limited(
  entries: readonly (readonly string[])[],
  most: number,
  none: string,
  paint: Paint,
): (readonly string[])[] {
  if (entries.length === 0) return [[paint('dim', `  ${none}`)]];
  if (entries.length <= most) return [...entries];
  const shown = Math.max(0, most - 1);
  return [...entries.slice(0, shown), [paint('dim', `  and ${entries.length - shown} more`)]];
}
