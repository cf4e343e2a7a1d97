// The coding agent: builds what the architect decided, and settles findings when it is started again. On the SDK.
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { runTests } from './run-tests.ts';
import { working } from './working.ts';
import { mkdirSync, writeFileSync } from 'node:fs';

const SLUGIFY = (
  bound: string,
): string => `${bound === '' ? '' : 'export const MAX_CHARS = 1_000;\n\n'}export function slugify(text) {
${bound}  return text
    .normalize('NFKD')
    .replaceAll(/\\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
`;
const BOUND = `  if (text.length > MAX_CHARS) throw new RangeError(\`longer than \${MAX_CHARS} characters\`);\n`;
const TESTS = (bounded: boolean): string => `import assert from 'node:assert/strict';
import test from 'node:test';
import { slugify } from './slugify.mjs';

test('joins words with dashes', () => assert.equal(slugify('Hello, World!'), 'hello-world'));
test('takes accents off', () => assert.equal(slugify('Crème brûlée'), 'creme-brulee'));
test('of nothing makes nothing', () => assert.equal(slugify(' -- '), ''));
${bounded ? "test('refuses text that is too long', () => assert.throws(() => slugify('x'.repeat(1_001)), RangeError));\n" : ''}`;

const client = createSidecarClient();
const agent = client.agent();
const { context } = await agent.context();
const design = context.previous_agent_outputs.find((output) => output.agent === 'chief-architect')?.decision;
if (!design?.includes('slug/slugify.mjs')) throw new Error('the architect decided nothing that can be built');

// In a further round the task names the open findings, one a line: `- <id> [<severity>] <path>…`.
const findings = [...(await agent.task()).matchAll(/^- (\S+) \[\w+\] /gm)].map(([, id = '']) => id);
working(findings.length > 0 ? `settles ${findings.length} finding(s)` : 'writes slug/slugify.mjs and its tests');
const bounded = findings.length > 0;
mkdirSync('slug', { recursive: true });
writeFileSync('slug/slugify.mjs', SLUGIFY(bounded ? BOUND : ''));
writeFileSync('slug/slugify.test.mjs', TESTS(bounded));

working('runs the tests');
const tests = runTests('slug/slugify.test.mjs');
if (bounded) {
  const request = await agent.waitFor('review_requested', { timeoutMs: 60_000 });
  const changes = ['Text longer than MAX_CHARS is refused.'];
  await agent.publish(
    'review_addressed',
    { changes, ready_for_re_review: true },
    { round: 2, references: request.event_id },
  );
}
await agent.result({
  status: tests.passed ? 'success' : 'failure',
  summary: bounded ? 'Bounded the input of slugify.' : 'Implemented slugify with tests.',
  [bounded ? 'files_modified' : 'files_created']: ['slug/slugify.mjs', 'slug/slugify.test.mjs'],
  metrics: { tests_run: tests.count },
  artifacts: { test_report: tests.report },
  findings_answered: findings.map((id) => ({
    id,
    answer: 'addressed' as const,
    reason: 'Text longer than MAX_CHARS is refused; a test proves it.',
  })),
});
client.close();
