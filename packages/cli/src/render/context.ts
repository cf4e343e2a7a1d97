import type { AgentContext } from '@orchestration-sidecar/shared';
import type { Terminal } from '../terminal.ts';
import { bytes } from './quantity.ts';
import { renderFields, renderTable } from './table.ts';

const MAX_OMITTED = 10;

/** A context as a receipt: what is in it, why, and what is not. */
export function contextLines(answer: AgentContext, terminal: Terminal): string[] {
  const { context, omitted_files, omitted_count } = answer;
  const { git_context: git, metadata, project_structure: structure, previous_agent_outputs: previous } = context;
  const omitted = omitted_files.slice(0, MAX_OMITTED);
  return [
    ...renderFields(
      [
        ['context of', `${answer.agent_type} for ${answer.issue_id}: ${context.task.title}`],
        [
          'size',
          `${bytes(answer.total_size_bytes)}, ${answer.file_count} files${answer.cache_hit ? ', from the cache' : ''}`,
        ],
        ['shortened', answer.truncated ? answer.truncation_strategy : ''],
        [
          'project',
          `${structure.root}, ${structure.total_files} files${metadata.project_type === null ? '' : `, ${metadata.project_type}`}`,
        ],
        [
          'git',
          git.head === null
            ? ''
            : `${git.branch ?? 'detached'} at ${git.head.slice(0, 10)}, ${git.uncommitted_changes.length} uncommitted changes`,
        ],
        [
          'earlier',
          previous
            .map(({ agent, status, decision }) => `${agent}: ${status}${decision === null ? '' : `, ${decision}`}`)
            .join('\n'),
        ],
      ],
      terminal,
    ),
    ...(context.relevant_files.length === 0 ? [] : ['']),
    ...(context.relevant_files.length === 0
      ? []
      : renderTable(
          context.relevant_files,
          [
            { title: 'file', text: ({ path }) => path, style: () => 'bold', flexible: true },
            {
              title: 'size',
              text: ({ size, truncated }) => `${bytes(size)}${truncated ? ' cut' : ''}`,
              align: 'right',
            },
            { title: 'score', text: ({ score }) => score.toFixed(2), align: 'right' },
            { title: 'because', text: ({ reasons }) => reasons.join('; '), flexible: true },
          ],
          terminal,
        )),
    ...(omitted_count === 0 ? [] : ['', terminal.paint('dim', `left out: ${omitted_count} files`)]),
    ...(omitted.length === 0
      ? []
      : renderTable(
          omitted,
          [
            { title: 'file', text: ({ path }) => path, flexible: true },
            { title: 'size', text: ({ size }) => bytes(size), align: 'right' },
            { title: 'because', text: ({ reason }) => reason, flexible: true },
          ],
          terminal,
        )),
  ];
}
