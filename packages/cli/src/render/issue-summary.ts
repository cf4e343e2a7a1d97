import type { Agent, AgentOutcome, Issue, OutputOf, contract } from '@orchestration-sidecar/shared';
import type { Style, Terminal } from '../terminal.ts';
import { duration, counted } from './quantity.ts';
import { RESULT_STYLES } from './result.ts';
import { renderTable } from './table.ts';
import { cleanText } from './text.ts';

type StoredResult = OutputOf<typeof contract.results.get>;

const LOOK: Readonly<Partial<Record<Issue['status'], readonly [mark: string, style: Style]>>> = {
  resolved: ['✓', 'green'],
  failed: ['✗', 'red'],
  cancelled: ['✗', 'red'],
};

const OUTCOME_STYLES: Readonly<Record<AgentOutcome, Style>> = {
  unknown: 'dim',
  claimed: 'yellow',
  verified: 'green',
  failed: 'red',
};

/** What an issue came to. */
export interface IssueEnd {
  readonly issue: Issue;
  readonly agents: readonly Agent[];
  readonly results: readonly StoredResult[];
}

/** How an issue ended, what its agents handed in, oldest first, and whether that is their word or was checked. */
export function issueSummary({ issue, agents, results }: IssueEnd, terminal: Terminal): string[] {
  const { paint } = terminal;
  const outcomes = new Map(agents.map(({ agent_id: id, outcome }) => [id, outcome]));
  const outcomeOf = ({ agent_id: id }: StoredResult): AgentOutcome => outcomes.get(id) ?? 'unknown';
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
              { title: 'outcome', text: outcomeOf, style: (result) => OUTCOME_STYLES[outcomeOf(result)] },
              { title: 'summary', text: ({ result }) => textOf(result['summary']), flexible: true },
            ],
            terminal,
          ),
        ]),
    '',
    `${counted(files.size, 'file')} changed; \`sidecar results list --issue ${issue.issue_id}\` shows the results.`,
  ];
}

const CHANGES = ['files_created', 'files_modified', 'files_deleted'] as const;

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === 'string') : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
