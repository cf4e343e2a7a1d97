import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitToBudget, type Gathered } from './fit.ts';
import { PRIORITIES } from './select.ts';
import { tokenCounter } from './tokens.ts';

const signal = new AbortController().signal;
const LANGUAGES = [
  ['a.py', 'python'],
  ['b.md', 'markdown'],
  ['c.bin.txt', null],
  ['d.ts', 'typescript'],
] as const;
const text = (maxLength: number) =>
  fc.oneof(fc.string({ unit: 'binary', maxLength }), fc.lorem({ maxCount: 200, mode: 'sentences' }));

const gathered: fc.Arbitrary<Gathered> = fc
  .record({
    title: text(300),
    body: text(3000),
    files: fc.array(
      fc.tuple(
        fc.constantFrom(...LANGUAGES),
        text(6000),
        fc.constantFrom(...PRIORITIES),
        fc.float({ min: 0, max: 1, noNaN: true }),
      ),
      { maxLength: 12 },
    ),
    names: fc.array(text(100), { maxLength: 50 }),
  })
  .map(({ title, body, files, names }) => ({
    issue_id: 'issue-1',
    agent_type: 'python-specialist',
    timestamp: '2026-01-01T00:00:00.000Z',
    task: { title, body, task: null },
    structure: { root: '/project', files: names, directories: names, total_files: 1, total_directories: 1 },
    git: {
      branch: 'main',
      head: 'abc',
      recent_commits: [{ hash: 'a', message: body, author: title, timestamp: 'x', files: names }],
      uncommitted_changes: names,
      unavailable: null,
    },
    previous: [],
    metadata: { project_type: 'python', dependencies: names, test_coverage: null, last_build_status: null },
    candidates: files.map(([[path, language], content, priority, score]) => ({
      path,
      priority,
      score,
      size: content.length,
      read: () =>
        Promise.resolve({
          path,
          content,
          last_modified: 'x',
          size: content.length,
          language,
          checksum: 'sha256:x',
          truncated: false,
          score,
          reasons: ['text 0.5'],
        }),
      scoreLines: () => (from: number, to: number) => to - from,
    })),
    omitted: names.map((path) => ({ path, size: 1, reason: 'less relevant' })),
  }));

describe('fitToBudget', () => {
  it('never exceeds max_bytes, and says when something was cut', async () => {
    await fc.assert(
      fc.asyncProperty(gathered, fc.integer({ min: 1024, max: 20_000 }), async (all, maxBytes) => {
        const answer = await fitToBudget(all, { maxBytes }, null, signal);
        expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThanOrEqual(maxBytes);
        const whole =
          answer.context.relevant_files.every((file) => !file.truncated) && answer.file_count === all.candidates.length;
        expect(whole || answer.truncated).toBe(true);
        expect(answer.truncated).toBe(answer.truncation_strategy !== 'none');
        const scores = answer.context.relevant_files.map(({ score }) => score);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      }),
      { numRuns: 60 },
    );
  });

  it('never exceeds max_tokens', async () => {
    const countTokens = await tokenCounter();
    await fc.assert(
      fc.asyncProperty(gathered, fc.integer({ min: 500, max: 6000 }), async (all, maxTokens) => {
        const answer = await fitToBudget(all, { maxBytes: 100_000, maxTokens }, countTokens, signal);
        expect(countTokens(JSON.stringify(answer))).toBeLessThanOrEqual(maxTokens);
      }),
      { numRuns: 25 },
    );
  });

  it('leaves out a file that vanished before it was read', async () => {
    const [all] = fc.sample(gathered, { numRuns: 1, seed: 1 });
    if (all === undefined) throw new Error('no sample');
    const gone = {
      path: 'gone.py',
      priority: 'task' as const,
      score: 1,
      size: 1,
      read: () => Promise.resolve(null),
      scoreLines: () => () => 0,
    };
    expect((await fitToBudget({ ...all, candidates: [gone] }, { maxBytes: 50_000 }, null, signal)).file_count).toBe(0);
  });
});
