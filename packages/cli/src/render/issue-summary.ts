import type { Issue, OutputOf, contract } from '@orchestration-sidecar/shared';
import type { Style, Terminal } from '../terminal.ts';
import { duration } from './quantity.ts';
import { RESULT_STYLES } from './result.ts';
import { renderTable } from './table.ts';
import { cleanText } from './text.ts';

type StoredResult = OutputOf<typeof contract.results.get>;

const LOOK: Readonly<Partial<Record<Issue['status'], readonly [mark: string, style: Style]>>> = {
  resolved: ['✓', 'green'],
  failed: ['✗', 'red'],
  cancelled: ['✗', 'red'],
};

/** How an issue ended and what its agents handed in, oldest first. */
export function issueSummary(issue: Issue, results: readonly StoredResult[], terminal: Terminal): string[] {
  const { paint } = terminal;
  const [mark, style] = LOOK[issue.status] ?? ['·', 'dim'];
  const took = duration(Math.max(0, Date.parse(issue.updated_at) - Date.parse(issue.created_at)));
  const files = new Set(results.flatMap(({ result }) => CHANGES.flatMap((field) => namesIn(result[field]))));
  return [
    `${paint(style, `${mark} ${issue.status} in ${took}`)}  ${cleanText(issue.title)}`,
    ...(results.length === 0
      ? []
      : [
          '',
          ...renderTable(
            results.toReversed(),
            [
              { title: 'agent type', text: ({ agent_type }) => agent_type, style: () => 'bold' },
              {
                title: 'result',
                text: ({ result }) => result.status,
                style: ({ result }) => RESULT_STYLES[result.status],
              },
              { title: 'summary', text: ({ result }) => textOf(result['summary']), flexible: true },
            ],
            terminal,
          ),
        ]),
    '',
    `${files.size} files changed; \`sidecar results list --issue ${issue.issue_id}\` shows the results.`,
  ];
}

const CHANGES = ['files_created', 'files_modified', 'files_deleted'] as const;

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === 'string') : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
