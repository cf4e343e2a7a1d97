import { Argument, type Command } from 'commander';
import type { PinKind } from '@orchestration-sidecar/shared';
import { connects, notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { ago } from '../render/quantity.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

const KINDS: readonly PinKind[] = ['issue', 'result'];

const kind = (): Argument => new Argument('<kind>', 'what it is').choices(KINDS);
const id = (): Argument => new Argument('<id>', 'id of the issue or the result');

interface OfProject extends ReadOptions {
  readonly project?: string;
}
interface ListOptions extends OfProject {
  readonly limit?: number;
  readonly cursor?: string;
}

/** `sidecar pins`: what no clean-up removes. */
export function addPins(program: Command, terminal: Terminal): void {
  const pins = program
    .command('pins')
    .summary('keep issues and results from clean-ups')
    .description('What no clean-up removes: issues with their results and agent folders, and single results.');

  withExamples(
    connects(
      pins
        .command('add')
        .summary('keep an issue or a result from clean-ups')
        .description('Keeps an issue with its results and agent folders, or one result, from every clean-up.')
        .addArgument(kind())
        .addArgument(id())
        .addOption(new ProjectOption('project it belongs to'))
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar pins add issue shop-7',
  ).action((of: PinKind, target: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.pins.add({ kind: of, id: target, project_id: options.project });
      const pin = await whileWaiting(terminal, 'Pinning', asked);
      printAnswer(terminal, options, pin, () => [`${pin.id} pinned`]);
    }),
  );

  withExamples(
    connects(
      pins
        .command('remove')
        .summary('let clean-ups have it again')
        .description('Lets clean-ups have an issue or a result again.')
        .addArgument(kind())
        .addArgument(id())
        .addOption(new ProjectOption('project it belongs to'))
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar pins remove issue shop-7',
  ).action((of: PinKind, target: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.pins.remove({ kind: of, id: target, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Removing the pin', asked);
      printAnswer(terminal, options, answer, ({ removed }) => [
        removed ? `${target} is no longer pinned` : `${target} was not pinned`,
      ]);
    }),
  );

  withExamples(
    reads(
      pins
        .command('list')
        .summary('list pins, newest first')
        .description('Lists the pins of a project, newest first.')
        .addOption(new ProjectOption())
        .option('--limit <count>', 'most pins to list (default 100)', wholeNumber)
        .option('--cursor <cursor>', 'where the page before ended'),
    ),
    'sidecar pins list',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { project: project_id, limit, cursor } = options;
      const answer = await whileWaiting(terminal, 'Listing pins', client.pins.list({ project_id, limit, cursor }));
      printAnswer(terminal, options, answer, ({ pins: found }) =>
        found.length === 0
          ? ['No pins.']
          : renderTable(
              found,
              [
                { title: 'kind', text: (pin) => pin.kind },
                { title: 'id', text: (pin) => pin.id, flexible: true },
                { title: 'pinned', text: ({ pinned_at }) => ago(pinned_at, Date.now()) },
              ],
              terminal,
            ),
      );
      notePage(terminal, options, answer.next_cursor);
    }),
  );
}
