import type { AgentContext } from '@orchestration-sidecar/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderMarkdown } from './markdown.ts';

function answerWith(content: string): AgentContext {
  return {
    issue_id: 'issue-1',
    agent_type: 'python-specialist',
    context: {
      task: { title: content, body: content, task: content },
      project_structure: { root: '/project', files: ['a.py'], directories: [], total_files: 1, total_directories: 0 },
      relevant_files: [
        {
          path: 'a.py',
          content,
          last_modified: 'x',
          size: 1,
          language: 'python',
          checksum: 'sha256:1',
          truncated: true,
          score: 1,
          reasons: ['text 1.000'],
        },
      ],
      git_context: { branch: 'main', head: 'abc', recent_commits: [], uncommitted_changes: [], unavailable: null },
      previous_agent_outputs: [
        {
          agent: 'chief-architect',
          agent_id: 'chief-architect-1',
          result_id: 'r1',
          timestamp: 'x',
          status: 'success',
          decision: content,
          decisions: [content],
          summary: content,
          findings: [],
        },
      ],
      metadata: { project_type: 'python', dependencies: [], test_coverage: null, last_build_status: content },
    },
    omitted_files: [{ path: 'b.py', size: 3, reason: 'budget' }],
    omitted_count: 1,
    truncated: true,
    truncation_strategy: 'priority_selection',
    total_size_bytes: 1,
    file_count: 1,
    cache_hit: false,
    timestamp: 'x',
  };
}

/** Lines of a Markdown text that stand outside fences. */
function outside(markdown: string): string[] {
  const lines: string[] = [];
  let fence: string | null = null;
  for (const line of markdown.split('\n')) {
    const run = /^(`{3,})/.exec(line)?.[1];
    if (fence === null && run !== undefined) fence = run;
    else if (fence !== null && line === fence) fence = null;
    else if (fence === null) lines.push(line);
  }
  return lines;
}

describe('renderMarkdown', () => {
  it('shows what is there, where it is from, and what is left out', () => {
    const markdown = renderMarkdown(answerWith('Do it.'));
    expect(markdown).toContain('## Your task');
    expect(markdown).toContain('_origin: agent chief-architect-1, result r1_');
    expect(markdown).toContain('/api/context/issue-1/python-specialist/file?path=');
  });

  it('lets nothing out of its fence', () => {
    const breaking = fc
      .array(fc.constantFrom('`', '``', '```', '~~~', '\n', 'ESCAPED', '# ', ' '), { maxLength: 40 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(breaking, (content) => {
        const lines = outside(renderMarkdown(answerWith(content)));
        expect(lines.filter((line) => !line.startsWith('- Last build: `')).join('\n')).not.toContain('ESCAPED');
      }),
    );
  });

  it('does not outgrow the JSON that was made to fit, whatever stands in it', () => {
    for (const content of ['`'.repeat(5000), '```\n'.repeat(500)]) {
      const answer = answerWith(content);
      expect(renderMarkdown(answer).length).toBeLessThan(JSON.stringify(answer).length);
    }
  });
});
