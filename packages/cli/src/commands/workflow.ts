import { Option, type Command } from 'commander';
import type { SidecarClient } from '@orchestration-sidecar/sdk';
import type { Workflow } from '@orchestration-sidecar/shared';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { reportProblems } from '../definition-problems.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { renderTable } from '../render/table.ts';
import { workflowLines } from '../render/workflow.ts';
import type { Terminal } from '../terminal.ts';

interface GraphOptions extends ReadOptions {
  readonly format?: 'text' | 'mermaid';
}

/** `sidecar workflow`: the recipes by which issues are resolved. */
export function addWorkflow(program: Command, terminal: Terminal): void {
  const workflow = program
    .command('workflow')
    .summary('list, draw and check workflows')
    .description('Recipes by which issues are resolved.');

  withExamples(
    reads(workflow.command('list').summary('list the workflows').description('Lists the workflows by name.')),
    'sidecar workflow list',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const answer = await whileWaiting(terminal, 'Listing workflows', client.workflows.list({}));
      printAnswer(terminal, options, answer, ({ workflows }) =>
        renderTable(
          workflows,
          [
            { title: 'workflow', text: ({ name }) => name, style: () => 'bold' },
            { title: 'phases', text: ({ phases }) => phases.map(({ name }) => name).join(' → '), flexible: true },
            { title: 'description', text: ({ description }) => description, flexible: true },
          ],
          terminal,
        ),
      );
    }),
  );

  withExamples(
    reads(
      workflow
        .command('graph <name>')
        .summary('draw a workflow')
        .description('Draws a workflow: its phases, who runs in each, what is waited for, checked and sent back.')
        .addOption(
          new Option(
            '--format <format>',
            'a drawing, or Mermaid for documents (default: text on a terminal, else mermaid)',
          ).choices(['text', 'mermaid']),
        ),
    ),
    'sidecar workflow graph issue-resolution',
    'sidecar workflow graph issue-resolution > flow.mmd',
  ).action((name: string, options: GraphOptions) =>
    withClient(options, terminal, async (client) => {
      const found = await whileWaiting(terminal, 'Reading the workflow', workflowOf(client, name));
      const format = options.format ?? (terminal.outputIsTerminal ? 'text' : 'mermaid');
      const { workflowGraph } = await import('@orchestration-sidecar/shared');
      printAnswer(terminal, options, found, () =>
        format === 'mermaid' ? [workflowGraph(found).trimEnd()] : workflowLines(found, terminal),
      );
    }),
  );

  withExamples(
    workflow
      .command('validate [directory]')
      .summary('check workflow files')
      .description(
        'Checks the built-in workflows and, on top of them, those of a directory as `serve --profiles` takes it; without ' +
          'one, those in .sidecar/profiles of the repository it stands in. Needs no sidecar. Exits with 1 when something ' +
          'is wrong.',
      )
      .option('--json', 'print the problems as JSON'),
    'sidecar workflow validate ./profiles',
  ).action((directory: string | undefined, options: { readonly json?: boolean }) =>
    reportProblems(directory, 'workflows', options, terminal),
  );
}

async function workflowOf(client: SidecarClient, name: string): Promise<Workflow> {
  const { workflows } = await client.workflows.list({});
  const found = workflows.find((workflow) => workflow.name === name);
  if (found) return found;
  throw new CommandFailure(`There is no workflow ${name}.`, {
    exitCode: EXIT.refused,
    recovery: `There are: ${workflows.map((workflow) => workflow.name).join(', ')}.`,
  });
}
