import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Project } from '@orchestration-sidecar/shared';
import { connects, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { renderTable, type TableTarget } from '../render/table.ts';
import { whileWaiting } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar project`: the repositories that agents work on. */
export function addProject(program: Command, terminal: Terminal): void {
  const project = program
    .command('project')
    .summary('register and list repositories')
    .description('Repositories that agents work on.');

  withExamples(
    connects(
      project
        .command('add <path>')
        .summary('register a repository')
        .description(
          'Registers a directory as a project; registering it again answers the same project. Prints its id.',
        )
        .option('--id <project>', 'id of the project (default: made from the directory’s name)')
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar project add . --id shop',
    'sidecar project add ~/work/shop',
  ).action((path: string, options: ReadOptions & { readonly id?: string }) =>
    withClient(options, terminal, async (client) => {
      const input = { root: resolve(terminal.cwd, path), ...(options.id !== undefined && { project_id: options.id }) };
      const added = await whileWaiting(terminal, 'Registering the project', client.projects.add(input));
      printAnswer(terminal, options, added, () => [added.project_id]);
    }),
  );

  withExamples(
    reads(
      project.command('list').summary('list the projects').description('Lists the projects that the token can see.'),
    ),
    'sidecar project list',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const answer = await whileWaiting(terminal, 'Listing projects', client.projects.list({}));
      printAnswer(terminal, options, answer, ({ projects }) =>
        projects.length === 0
          ? ['No project is registered; `sidecar project add PATH` does it.']
          : projectLines(projects, terminal),
      );
    }),
  );
}

function projectLines(projects: readonly Project[], target: TableTarget): string[] {
  return renderTable(
    projects,
    [
      { title: 'project', text: ({ project_id }) => project_id, style: () => 'bold' },
      { title: 'default', text: (project) => (project.default ? 'yes' : '') },
      { title: 'root', text: ({ root }) => root, flexible: true },
    ],
    target,
  );
}
