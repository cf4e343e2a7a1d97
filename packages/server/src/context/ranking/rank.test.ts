import { describe, expect, it } from 'vitest';
import { ProjectIndex, withHistory } from '../project-index.ts';
import { readTask } from '../task-query.ts';
import { TestProject } from '../test-project.ts';
import { rankFiles, type Ranked } from './rank.ts';

const signal = new AbortController().signal;

async function rank(project: TestProject, title: string, body = ''): Promise<Ranked[]> {
  const index = new ProjectIndex(project.root);
  const state = await index.look(signal);
  return rankFiles(await index.index(state, signal), readTask(title, body, null), await withHistory(state));
}

const SOURCES = {
  'src/session/store.py': 'class SessionStore:\n    def save(self, session): return self.backend.save(session)\n',
  'src/session/backend.py': 'class RedisBackend:\n    def save(self, value): return value\n',
  'src/billing/invoice.py': 'def total(lines):\n    return sum(lines)\n',
  'src/billing/tax.py': 'def rate(country):\n    return 0.2\n',
  'src/util/text.py': 'def trim(text):\n    return text.strip()\n',
  'tests/test_invoice.py': 'from billing.invoice import total\n\ndef test_total():\n    assert total([1]) == 1\n',
  'CHANGELOG.md': '# Changes\n\n- session store saves sessions; invoice total fixed; invoice tax rate\n',
};

describe('rankFiles', () => {
  it('finds a file by words in another form, before documents that hold the same words', async () => {
    using project = new TestProject().write(SOURCES);
    const [first, ...rest] = await rank(project, 'Invoices have wrong totals');
    expect(first?.file.path).toBe('src/billing/invoice.py');
    expect(rest.findIndex(({ file }) => file.path === 'CHANGELOG.md')).toBeGreaterThan(0);
    expect(first?.score).toBe(1);
  });

  it.each([
    ['a path', 'Something is wrong in src/util/text.py'],
    [
      'a stack trace of another machine',
      'Crash\n\nTraceback:\n  File "/home/ann/app/src/util/text.py", line 2, in trim',
    ],
    ['a dotted module', 'Crash in util.text.trim'],
    ['a definition', 'Crash calling trim()'],
  ])('finds a file by %s', async (_, text) => {
    using project = new TestProject().write(SOURCES);
    const [title = '', ...body] = text.split('\n');
    expect((await rank(project, title, body.join('\n')))[0]?.file.path).toBe('src/util/text.py');
  });

  it.each([
    ['written as one word', 'fix(jumplinks): check for stale nodes'],
    ['beside words that no file has', 'jump links, typography: check for stale nodes'],
  ])('finds the area that a title begins with, %s', async (_, title) => {
    const text = 'export const check = (nodes) => nodes.filter((node) => node.stale);\n';
    using project = new TestProject().write({
      'src/Accordion/Accordion.tsx': text,
      'src/JumpLinks/JumpLinks.tsx': text,
      'src/Tree/Tree.tsx': `${text}export const stale = check(nodes);\n`,
    });
    const [first] = await rank(project, title);
    expect(first?.file.path).toBe('src/JumpLinks/JumpLinks.tsx');
    // Were words that no file has counted, it would be 0.06 and less.
    expect(first?.parts.scope).toBeGreaterThan(0.1);
  });

  it('learns from what earlier commits about the same words touched', async () => {
    using project = new TestProject().write(SOURCES);
    project.git('init', '--quiet');
    project.commit('Initial commit');
    project.commits(
      Array.from({ length: 32 }, (_, version) => {
        const rare = version % 4 === 0;
        const message = rare ? `Unicode widths, part ${version}` : `Rates of ${version}`;
        return { message, path: rare ? 'src/util/text.py' : 'src/billing/tax.py', content: `VALUE = ${version}\n` };
      }),
    );
    const [first] = await rank(project, 'Unicode widths are wrong');
    expect(first?.file.path).toBe('src/util/text.py');
    expect(first?.parts.past).toBeGreaterThan(0);
  });

  it('finds where work is going on, and what all commits of a file speak of', async () => {
    using project = new TestProject().write(SOURCES);
    project.git('init', '--quiet');
    project.commit('Initial commit');
    project.commits(
      Array.from({ length: 32 }, (_, version) => ({
        message: version % 2 === 0 ? 'Rounding of halves' : 'Currencies without cents',
        path: 'src/billing/tax.py',
        content: `VALUE = ${version}\n`,
      })),
    );
    const ranked = await rank(project, 'Rounding of currencies');
    expect(ranked[0]?.file.path).toBe('src/billing/tax.py');
    expect(ranked[0]?.parts.messages).toBeGreaterThan(0);
    expect(ranked.find(({ file }) => file.path === 'src/billing/invoice.py')?.parts.area).toBeGreaterThan(0);
    expect(ranked.find(({ file }) => file.path === 'src/session/store.py')?.parts.area).toBeUndefined();
  });

  it('takes the name of its directory for the name of an entry file', async () => {
    using project = new TestProject().write({ 'src/router/index.ts': 'x\n', 'src/index.ts': 'x\n', 'src/a.ts': 'x\n' });
    const [first] = await rank(project, 'The router is slow');
    expect(first?.file.path).toBe('src/router/index.ts');
    expect(first?.parts.name).toBeGreaterThan(0);
  });

  it('says why: the parts of a score add up to what lifts a file over its kind', async () => {
    using project = new TestProject().write(SOURCES);
    for (const { parts, score } of await rank(project, 'Invoices have wrong totals')) {
      const sum = Object.values(parts).reduce((total, part) => total + part, 0);
      expect(Math.abs(score - sum)).toBeLessThan(3);
      expect(Object.values(parts).every((part) => part > 0)).toBe(true);
    }
  });

  it('ranks by path where a task has no words of the project, and nothing of an empty project', async () => {
    using project = new TestProject().write(SOURCES);
    expect((await rank(project, 'zzz qqq')).every(({ score }) => score === 0)).toBe(true);
    using empty = new TestProject();
    expect(await rank(empty, 'Invoices')).toEqual([]);
  });
});
