import { Option, type Command } from 'commander';
import type { SidecarClient } from '@orchestration-sidecar/sdk';
import type { Issue } from '@orchestration-sidecar/shared';
import { connects, notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { filledText, textArgument, wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { issueLines, issueTable } from '../render/issue.ts';
import type { Terminal } from '../terminal.ts';

const STATUSES = ['open', 'running', 'paused', 'resolved', 'failed', 'cancelled'] as const;

interface OfProject extends ReadOptions {
  readonly project?: string;
}
interface CreateOptions extends OfProject {
  readonly body?: string;
  readonly id?: string;
  readonly workflow?: string;
}
interface ListOptions extends OfProject {
  readonly status?: (typeof STATUSES)[number];
  readonly limit?: number;
  readonly cursor?: string;
}

/** `sidecar issue`: the units of work. */
export function addIssue(program: Command, terminal: Terminal): void {
  const issue = program.command('issue').summary('create, show, list and watch issues').description('Units of work.');

  withExamples(
    connects(
      issue
        .command('create')
        .argument('<title>', 'what is to be done, in a sentence', filledText)
        .summary('create an issue')
        .description('Creates an issue and, when a workflow is named, starts resolving it. Prints the issue’s id.')
        .option('--body <text>', 'what is to be done: text, @file, or - for standard input')
        .option('--id <issue>', 'id of the issue (default: made by the sidecar)')
        .option('--workflow <name>', 'workflow that resolves it (default: none, it is driven by hand)')
        .addOption(new ProjectOption('project of the issue', true))
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar issue create "The cart loses items" --body @report.md',
    'sidecar issue create "Add a search box" --id shop-7 --workflow issue-resolution',
  ).action((title: string, options: CreateOptions) =>
    withClient(options, terminal, async (client) => {
      const created = await whileWaiting(
        terminal,
        'Creating the issue',
        client.issues.create({
          title,
          body: options.body === undefined ? '' : await textArgument(options.body, terminal),
          issue_id: options.id,
          workflow: options.workflow,
          project_id: options.project,
        }),
      );
      printAnswer(terminal, options, created, () => [created.issue_id]);
    }),
  );

  withExamples(
    reads(
      issue
        .command('show <issue>')
        .summary('show one issue and where it stands')
        .description('Shows one issue with the state of its workflow.')
        .option('--project <project>', 'project of the issue, where the id is not unique'),
    ),
    'sidecar issue show shop-7',
  ).action((id: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.issues.get({ issue_id: id, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Reading the issue', asked);
      printAnswer(terminal, options, answer, () => issueLines(answer, terminal, Date.now()));
    }),
  );

  withExamples(
    reads(
      issue
        .command('list')
        .summary('list issues, newest first')
        .description('Lists the issues of a project, newest first.')
        .addOption(new ProjectOption())
        .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
        .option('--limit <count>', 'most issues to list (default 100)', wholeNumber)
        .option('--cursor <cursor>', 'where the page before ended'),
    ),
    'sidecar issue list --status running',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { project: project_id, status, limit, cursor } = options;
      const asked = client.issues.list({ project_id, status, limit, cursor });
      const answer = await whileWaiting(terminal, 'Listing issues', asked);
      printAnswer(terminal, options, answer, ({ issues }) =>
        issues.length === 0 ? ['No issues.'] : issueTable(issues, terminal, Date.now()),
      );
      notePage(terminal, options, answer.next_cursor);
    }),
  );

  withExamples(
    reads(
      issue
        .command('watch <issue>')
        .summary('follow an issue until it is resolved or has failed')
        .description(
          'Shows who works on the issue, who waits on what and what needs a person, until it is resolved (exit code 0), ' +
            'or has failed or is cancelled (1). With --json, prints the issue at the end.',
        )
        .option('--project <project>', 'project of the issue, where the id is not unique'),
    ),
    'sidecar issue watch shop-7',
  ).action((id: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const found = await client.issues.get({ issue_id: id, project_id: options.project });
      const { watchIssue } = await import('../watch-issue.ts');
      await watchIssue({ client, issue: found, cursor: undefined, json: options.json === true, terminal });
    }),
  );

  addStep(issue, terminal, {
    verb: 'pause',
    summary: 'let no further agent of an issue start',
    description: 'Lets no further agent of a running issue start; agents that run go on.',
    act: (client, input) => client.issues.pause(input),
  });
  addStep(issue, terminal, {
    verb: 'resume',
    summary: 'let a paused issue go on',
    description: 'Lets a paused issue go on.',
    act: (client, input) => client.issues.resume(input),
  });
  addStep(issue, terminal, {
    verb: 'cancel',
    summary: 'give an issue up and stop its agents',
    description: 'Cancels an issue and stops its agents; cancelling a cancelled one changes nothing.',
    act: (client, input) => client.issues.cancel(input),
  });
}

interface StepOptions extends OfProject {
  readonly reason?: string;
}

interface Step {
  readonly verb: string;
  readonly summary: string;
  readonly description: string;
  readonly act: (
    client: SidecarClient,
    input: { issue_id: string; project_id: string | undefined; reason: string | undefined },
  ) => Promise<Issue>;
}

/** A command that changes where an issue stands and prints what it became. */
function addStep(issue: Command, terminal: Terminal, { verb, summary, description, act }: Step): void {
  withExamples(
    connects(
      issue
        .command(`${verb} <issue>`)
        .summary(summary)
        .description(`${description} Prints the status it has then.`)
        .option('--reason <text>', 'why, for the log')
        .option('--project <project>', 'project of the issue, where the id is not unique')
        .option('--json', 'print the issue as JSON'),
    ),
    `sidecar issue ${verb} shop-7`,
  ).action((id: string, options: StepOptions) =>
    withClient(options, terminal, async (client) => {
      const { reason, project: project_id } = options;
      const changed = await whileWaiting(
        terminal,
        'Telling the sidecar',
        act(client, { issue_id: id, project_id, reason }),
      );
      printAnswer(terminal, options, changed, () => [`${changed.issue_id} ${changed.status}`]);
    }),
  );
}
