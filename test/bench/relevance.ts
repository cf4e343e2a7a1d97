import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rankings } from './relevance/rankings.ts';
import { mean, measure, type Measures } from './relevance/measures.ts';

/**
 * How well contexts name the files that a change will touch, measured on a repository’s own history: the message of a
 * commit is the task, the source files it changed are the answer, and the tree is the one before it.
 *
 *     npm run bench:relevance -- --repo PATH [--repo PATH] [--cases 100]
 */
const { values } = parseArgs({
  options: { repo: { type: 'string', multiple: true }, cases: { type: 'string', default: '100' } },
});
const repositories = (values.repo ?? [process.cwd()]).map((path) => resolve(path));
const perRepository = Number(values.cases);

/** A commit of more source files than this is a sweep, and of none, no case. */
const MAX_FILES = 10;
const MIN_TITLE_CHARS = 12;

const measured = new Map<string, Measures[]>();
for (const repository of repositories) {
  const clone = mkdtempSync(join(tmpdir(), 'sidecar-relevance-'));
  try {
    git(clone, 'clone', '--quiet', '--shared', '--no-checkout', repository, '.');
    const cases = casesOf(clone);
    console.log(`${repository}: ${cases.length} cases`);
    const own = new Map<string, Measures[]>();
    const ranking = rankings(clone);
    for (const { parent, title, body, files } of cases) {
      git(clone, 'checkout', '--quiet', '--force', parent);
      const ranked = await ranking(title, body);
      const present = new Set(ranked.sidecar);
      const answer = files.filter((file) => present.has(file));
      if (answer.length === 0) continue;
      for (const [name, order] of Object.entries(ranked)) {
        for (const place of [own, measured]) place.set(name, [...(place.get(name) ?? []), measure(order, answer)]);
      }
    }
    print(own);
  } finally {
    rmSync(clone, { recursive: true, force: true });
  }
}
if (repositories.length > 1) {
  console.log('\nall cases');
  print(measured);
}

interface Case {
  readonly parent: string;
  readonly title: string;
  readonly body: string;
  readonly files: readonly string[];
}

/** The newest commits that changed a few source files and say what for. */
function casesOf(clone: string): Case[] {
  const log = git(
    clone,
    'log',
    '--no-merges',
    '--no-renames',
    '--diff-filter=MD',
    '--name-only',
    '-z',
    '--max-count=3000',
    '--format=%x01%P%x02%B%x02',
  );
  return log
    .split('\u0001')
    .slice(1)
    .flatMap((entry): Case[] => {
      const [parent = '', message = '', names = ''] = entry.split('\u0002');
      const [title = '', ...rest] = message.trim().split('\n');
      const files = names
        .split('\0')
        .map((name) => name.trim())
        .filter((name) => name !== '' && isSource(name));
      const usable =
        /^[0-9a-f]{40}$/.test(parent) &&
        title.length >= MIN_TITLE_CHARS &&
        files.length > 0 &&
        files.length <= MAX_FILES;
      return usable ? [{ parent, title, body: rest.join('\n').trim(), files }] : [];
    })
    .slice(0, perRepository);
}

function isSource(path: string): boolean {
  return (
    /\.(?:[cm]?[jt]sx?|py|go|rs|java|kt|scala|c|h|cc|cpp|hpp|cs|rb|php|swift|m|ex|exs|erl|hs|lua|pl|pm|dart|vue|svelte|sh)$/.test(
      path,
    ) && !/(?:^|\/)(?:tests?|__tests__|spec|testdata|fixtures)\/|[._-](?:test|spec)\.|(?:^|\/)test_/.test(path)
  );
}

function print(results: ReadonlyMap<string, readonly Measures[]>): void {
  console.log('ranking      recall@5  recall@10  recall@20  MRR    nDCG@10  cases');
  for (const [name, all] of results) {
    const { recall5, recall10, recall20, mrr, ndcg10 } = mean(all);
    const cells = [recall5, recall10, recall20, mrr, ndcg10].map((value) => value.toFixed(3));
    console.log(
      `${name.padEnd(12)} ${cells[0]}     ${cells[1]}      ${cells[2]}      ${cells[3]}  ${cells[4]}    ${all.length}`,
    );
  }
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'core.hooksPath=/dev/null', ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 29,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
