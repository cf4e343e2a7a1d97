import { Option, type Command } from 'commander';
import type { DeadLetter } from '@orchestration-sidecar/shared';
import { connects, notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { ago } from '../render/quantity.ts';
import { renderFields, renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

const REASONS = ['refused', 'max_deliveries', 'expired', 'trimmed'] as const;

interface OfProject extends ReadOptions {
  readonly project?: string;
}
interface ListOptions extends OfProject {
  readonly consumer?: string;
  readonly reason?: (typeof REASONS)[number];
  readonly limit?: number;
  readonly cursor?: string;
}

/** `sidecar dead-letters`: events that a durable consumer did not take. */
export function addDeadLetters(program: Command, terminal: Terminal): void {
  const deadLetters = program
    .command('dead-letters')
    .summary('look after events that nobody took')
    .description('Events that a durable consumer did not take, with the reason.');

  withExamples(
    reads(
      deadLetters
        .command('list')
        .summary('list dead letters, newest first')
        .description('Lists dead letters, newest first.')
        .option('--consumer <consumer>', 'only those of a consumer')
        .addOption(new Option('--reason <reason>', 'only those with a reason').choices(REASONS))
        .addOption(new ProjectOption())
        .option('--limit <count>', 'most to list (default 100)', wholeNumber)
        .option('--cursor <cursor>', 'where the page before ended'),
    ),
    'sidecar dead-letters list --reason refused',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { project: project_id, consumer, reason, limit, cursor } = options;
      const asked = client.deadLetters.list({ project_id, consumer, reason, limit, cursor });
      const answer = await whileWaiting(terminal, 'Listing dead letters', asked);
      printAnswer(terminal, options, answer, ({ dead_letters }) =>
        dead_letters.length === 0 ? ['No dead letters.'] : letterTable(dead_letters, terminal),
      );
      notePage(terminal, options, answer.next_cursor);
    }),
  );

  withExamples(
    reads(
      deadLetters
        .command('show <id>')
        .summary('show one dead letter')
        .description('Shows one dead letter: the event, the reason and its failed deliveries.')
        .addOption(new ProjectOption()),
    ),
    'sidecar dead-letters show 0190f3c2-7b1e-7c3a-9d55-2f6d1b9f0a11',
  ).action((dead_letter_id: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.deadLetters.get({ dead_letter_id, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Reading the dead letter', asked);
      printAnswer(terminal, options, answer, () => letterLines(answer, terminal));
    }),
  );

  withExamples(
    connects(
      deadLetters
        .command('redrive <id>')
        .summary('give an event to its consumer again')
        .description('Gives the event to its consumer again, with all deliveries before it.')
        .addOption(new ProjectOption())
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar dead-letters redrive 0190f3c2-7b1e-7c3a-9d55-2f6d1b9f0a11',
  ).action((dead_letter_id: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.deadLetters.redrive({ dead_letter_id, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Giving it back', asked);
      printAnswer(terminal, options, answer, () => [`${answer.event_id} is given to ${answer.consumer} again.`]);
    }),
  );

  withExamples(
    connects(
      deadLetters
        .command('drop <id>')
        .summary('forget a dead letter')
        .description('Forgets a dead letter.')
        .addOption(new ProjectOption())
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar dead-letters drop 0190f3c2-7b1e-7c3a-9d55-2f6d1b9f0a11',
  ).action((dead_letter_id: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = client.deadLetters.drop({ dead_letter_id, project_id: options.project });
      const answer = await whileWaiting(terminal, 'Forgetting it', asked);
      printAnswer(terminal, options, answer, () => [`${dead_letter_id} is forgotten.`]);
    }),
  );
}

function letterTable(letters: readonly DeadLetter[], terminal: Terminal): string[] {
  return renderTable(
    letters,
    [
      { title: 'id', text: ({ dead_letter_id }) => dead_letter_id },
      { title: 'consumer', text: ({ consumer }) => consumer, style: () => 'bold' },
      { title: 'event', text: ({ event }) => event.event_type },
      { title: 'reason', text: ({ reason }) => reason, style: () => 'red' },
      { title: 'since', text: ({ created_at }) => ago(created_at, Date.now()) },
      { title: 'detail', text: ({ detail }) => detail ?? '', flexible: true },
    ],
    terminal,
  );
}

function letterLines(letter: DeadLetter, terminal: Terminal): string[] {
  const { event } = letter;
  return renderFields(
    [
      ['dead letter', letter.dead_letter_id],
      ['consumer', letter.consumer],
      ['reason', letter.detail === null ? letter.reason : `${letter.reason}: ${letter.detail}`],
      ['since', ago(letter.created_at, Date.now())],
      [
        'deliveries',
        letter.history.map((it) => `${it.delivery} to ${it.member}: ${it.outcome} ${it.detail ?? ''}`).join('\n'),
      ],
      ['event', `${event.event_type} of ${event.publisher} on ${event.topic}, ${event.event_id}`],
      ['data', JSON.stringify(event.data)],
    ],
    terminal,
  );
}
