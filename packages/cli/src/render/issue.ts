import type { Issue, IssueStatus } from '@orchestration-sidecar/shared';
import type { Style, Terminal } from '../terminal.ts';
import { ago } from './quantity.ts';
import { renderFields, renderTable, type TableTarget } from './table.ts';

/** How each status looks. */
export const ISSUE_STYLES: Readonly<Record<IssueStatus, Style>> = {
  open: 'dim',
  running: 'cyan',
  paused: 'yellow',
  resolved: 'green',
  failed: 'red',
  cancelled: 'red',
};

/** Issues as a table. */
export function issueTable(issues: readonly Issue[], target: TableTarget, nowMs: number): string[] {
  return renderTable(
    issues,
    [
      { title: 'issue', text: ({ issue_id }) => issue_id, style: () => 'bold' },
      { title: 'status', text: ({ status }) => status, style: ({ status }) => ISSUE_STYLES[status] },
      { title: 'phase', text: ({ progress }) => progress?.phase ?? '' },
      { title: 'changed', text: ({ updated_at }) => ago(updated_at, nowMs) },
      { title: 'title', text: ({ title }) => title, flexible: true },
    ],
    target,
  );
}

/** One issue in full. */
export function issueLines(issue: Issue, terminal: Terminal, nowMs: number): string[] {
  const { progress } = issue;
  const limits = progress?.limits;
  return renderFields(
    [
      ['issue', issue.issue_id],
      ['title', issue.title],
      ['project', issue.project_id],
      ['status', issue.status],
      ['workflow', issue.workflow ?? 'none: driven by hand'],
      ['phase', progress?.phase ? `${progress.phase}, round ${progress.round}` : ''],
      ['because', progress?.reason ?? ''],
      ['waits on', progress?.waiting_for.join(', ') ?? ''],
      ['findings', progress?.open_findings ? `${progress.open_findings} open` : ''],
      ['agents used', limits ? allowance(limits.spawns) : ''],
      ['tokens used', limits ? allowance(limits.tokens) : ''],
      ['cost', limits && limits.cost_usd.used > 0 ? `${limits.cost_usd.used.toFixed(2)} US dollars` : ''],
      ['created', ago(issue.created_at, nowMs)],
      ['changed', ago(issue.updated_at, nowMs)],
      ['body', issue.body],
    ],
    terminal,
  );
}

function allowance({ used, max }: { readonly used: number; readonly max: number | null }): string {
  return max === null ? `${used}` : `${used} of ${max}`;
}
