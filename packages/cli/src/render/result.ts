import type { OutputOf, contract } from '@orchestration-sidecar/shared';
import type { Style, Terminal } from '../terminal.ts';
import { ago } from './quantity.ts';
import { renderFields, renderTable, type TableTarget } from './table.ts';

type StoredResult = OutputOf<typeof contract.results.get>;

/** How each status looks. */
export const RESULT_STYLES: Readonly<Record<StoredResult['result']['status'], Style>> = {
  success: 'green',
  partial: 'yellow',
  failure: 'red',
  blocked: 'red',
};

/** Results as a table. */
export function resultTable(results: readonly StoredResult[], target: TableTarget, nowMs: number): string[] {
  return renderTable(
    results,
    [
      { title: 'id', text: ({ id }) => id },
      { title: 'agent type', text: ({ agent_type }) => agent_type, style: () => 'bold' },
      { title: 'issue', text: ({ issue_id }) => issue_id },
      { title: 'status', text: ({ result }) => result.status, style: ({ result }) => RESULT_STYLES[result.status] },
      { title: 'stored', text: ({ stored_at }) => ago(stored_at, nowMs) },
      { title: 'summary', text: ({ result }) => textOf(result['summary']), flexible: true },
    ],
    target,
  );
}

/** One result in full. */
export function resultLines(stored: StoredResult, terminal: Terminal, nowMs: number): string[] {
  const { result } = stored;
  return renderFields(
    [
      ['result', stored.id],
      ['agent', stored.agent_id],
      ['issue', stored.issue_id],
      ['project', stored.project_id],
      ['stored', ago(stored.stored_at, nowMs)],
      ...Object.entries(result).map(([name, value]) => [name.replaceAll('_', ' '), textOf(value)] as const),
    ],
    terminal,
  );
}

/** Lists a line for each entry; what is empty says nothing. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((entry) => textOf(entry)).join('\n');
  if (typeof value === 'object' && Object.keys(value).length === 0) return '';
  return JSON.stringify(value);
}
