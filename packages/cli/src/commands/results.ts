import { Option, type Command } from 'commander';
import { connects, notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { fileText, fitting, jsonObject, pointInTime, wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { resultLines, resultTable } from '../render/result.ts';
import type { Terminal } from '../terminal.ts';

const STATUSES = ['success', 'partial', 'failure', 'blocked'] as const;

interface OfProject extends ReadOptions {
  readonly project?: string;
}
interface ListOptions extends OfProject {
  readonly issue?: string;
  readonly agentType?: string;
  readonly status?: (typeof STATUSES)[number];
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly cursor?: string;
}
interface StoreOptions extends OfProject {
  readonly idempotencyKey?: string;
}

/** `sidecar results`: what agents hand in. */
export function addResults(program: Command, terminal: Terminal): void {
  const results = program
    .command('results')
    .summary('list, show and store results')
    .description('What agents hand in.');

  withExamples(
    reads(
      results
        .command('list')
        .summary('list results, newest first')
        .description('Lists stored results, newest first.')
        .option('--issue <issue>', 'only those of an issue')
        .option('--agent-type <type>', 'only those of an agent type')
        .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
        .option('--since <time>', 'stored at or after: RFC 3339, or 2h for two hours ago', pointInTime)
        .option('--until <time>', 'stored before', pointInTime)
        .addOption(new ProjectOption())
        .option('--limit <count>', 'most results to list (default 100)', wholeNumber)
        .option('--cursor <cursor>', 'where the page before ended'),
    ),
    'sidecar results list --issue shop-7',
    'sidecar results list --status failure --since 1d',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { project, issue, agentType, status, since, until, limit, cursor } = options;
      const asked = client.results.list({
        project_id: project,
        issue_id: issue,
        agent_type: agentType,
        status,
        since,
        until,
        limit,
        cursor,
      });
      const answer = await whileWaiting(terminal, 'Listing results', asked);
      printAnswer(terminal, options, answer, (page) =>
        page.results.length === 0 ? ['No results.'] : resultTable(page.results, terminal, Date.now()),
      );
      notePage(terminal, options, answer.next_cursor);
    }),
  );

  withExamples(
    reads(
      results
        .command('show <id>')
        .summary('show one result')
        .description('Shows one stored result.')
        .addOption(new ProjectOption('project of the result')),
    ),
    'sidecar results show 0190f3c2-7b1e-7c3a-9d55-2f6d1b9f0a11',
  ).action((id: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.results.get({ id, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Reading the result', asked);
      printAnswer(terminal, options, answer, () => resultLines(answer, terminal, Date.now()));
    }),
  );

  withExamples(
    connects(
      results
        .command('store <issue> <file>')
        .summary('hand in a result')
        .description(
          'Stores the result of the agent whose token is sent, and announces it. The file (- for standard input) holds ' +
            'a JSON object with at least `status`. Prints the result’s id.',
        )
        .option('--idempotency-key <key>', 'the same key stores once, however often it is sent')
        .option('--project <project>', 'project of the issue (default: the token’s)')
        .option('--json', 'print the whole answer as JSON'),
    ),
    `echo '{"status":"success","summary":"done"}' | SIDECAR_TOKEN="$JWT_TOKEN" sidecar results store shop-7 -`,
  ).action((issue_id: string, file: string, options: StoreOptions) =>
    withClient(options, terminal, async (client) => {
      const { ResultBody } = await import('@orchestration-sidecar/shared');
      const what = file === '-' ? 'Standard input' : file;
      const result = fitting(ResultBody, jsonObject(await fileText(file, terminal), what), what);
      const { project: project_id, idempotencyKey: idempotency_key } = options;
      const asked = client.results.store({ issue_id, project_id, idempotency_key, result });
      const stored = await whileWaiting(terminal, 'Storing the result', asked);
      printAnswer(terminal, options, stored, () => [stored.id]);
    }),
  );
}
