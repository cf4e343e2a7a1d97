import type { Command } from 'commander';
import { connects, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

interface OfProject extends ReadOptions {
  readonly project?: string;
}

/** `sidecar consumers`: who reads the log with the sidecar remembering how far. */
export function addConsumers(program: Command, terminal: Terminal): void {
  const consumers = program
    .command('consumers')
    .summary('list and end durable consumers')
    .description('Durable consumers: named positions in the log, kept by the sidecar.');

  withExamples(
    reads(
      consumers
        .command('list')
        .summary('list the durable consumers')
        .description('Lists the durable consumers with what they hold, what waits and what was given up.')
        .addOption(new ProjectOption()),
    ),
    'sidecar consumers list',
  ).action((options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.consumers.list({ project_id: options.project });
      const answer = await whileWaiting(terminal, 'Listing consumers', asked);
      printAnswer(terminal, options, answer, (page) =>
        page.consumers.length === 0
          ? ['No durable consumers.']
          : renderTable(
              page.consumers,
              [
                { title: 'consumer', text: ({ consumer }) => consumer, style: () => 'bold', flexible: true },
                { title: 'for', text: ({ agent_type }) => agent_type ?? 'the operator' },
                { title: 'leased', text: ({ leased }) => `${leased}`, align: 'right' },
                { title: 'waiting', text: ({ waiting }) => `${waiting}`, align: 'right' },
                { title: 'dead', text: (it) => `${it.dead_letters}`, align: 'right' },
                { title: 'cursor', text: ({ cursor }) => cursor },
              ],
              terminal,
            ),
      );
    }),
  );

  withExamples(
    connects(
      consumers
        .command('delete <consumer>')
        .summary('end a durable consumer')
        .description('Ends a durable consumer and forgets its position. Its dead letters stay.')
        .addOption(new ProjectOption())
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar consumers delete reports',
  ).action((consumer: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.consumers.delete({ consumer, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Ending the consumer', asked);
      printAnswer(terminal, options, answer, () => [`${consumer} is ended.`]);
    }),
  );
}
