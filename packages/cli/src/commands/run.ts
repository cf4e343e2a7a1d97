import type { Command } from 'commander';
import { connects, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { filledText, textArgument } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import type { Terminal } from '../terminal.ts';

interface RunOptions extends ReadOptions {
  readonly workflow: string;
  readonly body?: string;
  readonly id?: string;
  readonly project?: string;
}

/** `sidecar run`: from a sentence to a resolved issue. */
export function addRun(program: Command, terminal: Terminal): void {
  withExamples(
    connects(
      program
        .command('run')
        .argument('<task>', 'what is to be done, in a sentence: the title of the issue', filledText)
        .summary('have a task done and watch it')
        .description(
          'Creates an issue for the task, starts its workflow and shows who works, who waits on what and what needs a ' +
            'person, until the issue is resolved (exit code 0), or has failed or is cancelled (1). Ctrl-C stops ' +
            'watching (130); the work goes on, and `sidecar issue watch` shows it again.',
        )
        .option('--workflow <name>', 'workflow that resolves it', 'issue-resolution')
        .option('--body <text>', 'more about the task: text, @file, or - for standard input')
        .option('--id <issue>', 'id of the issue (default: made by the sidecar)')
        .addOption(new ProjectOption('project to work on', true))
        .option('--json', 'print the issue as JSON at the end, progress goes to standard error'),
    ),
    'sidecar run "Add a search box to the catalogue"',
    'sidecar run "Fix the flaky cart test" --body @log.txt --id shop-7',
  ).action((task: string, options: RunOptions) =>
    withClient(options, terminal, async (client) => {
      const { project: project_id, id: issue_id, workflow } = options;
      const body = options.body === undefined ? '' : await textArgument(options.body, terminal);
      // The log is followed from where it ended before, so that not even the first event is missed.
      const before = client.events.wait({ event_type: '*', cursor: 'latest', timeout: 0, project_id });
      const { next_cursor: cursor } = await whileWaiting(terminal, 'Asking the sidecar', before);
      const created = client.issues.create({ title: task, body, issue_id, workflow, project_id });
      const issue = await whileWaiting(terminal, 'Creating the issue', created);
      const { watchIssue } = await import('../watch-issue.ts');
      await watchIssue({ client, issue, cursor, json: options.json === true, terminal });
    }),
  );
}
