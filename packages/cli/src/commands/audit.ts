import type { Command } from 'commander';
import { notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { renderTable } from '../render/table.ts';
import { counted } from '../render/quantity.ts';
import type { Terminal } from '../terminal.ts';

interface ListOptions extends ReadOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly project?: string;
  readonly cursor?: string;
}

/** `sidecar audit`: who did what to what. */
export function addAudit(program: Command, terminal: Terminal): void {
  const audit = program
    .command('audit')
    .summary('look at the audit log and check it')
    .description('Who did what to what, and what came of it.');

  withExamples(
    reads(
      audit
        .command('list')
        .summary('list audit records, newest first')
        .description('Lists audit records, newest first.')
        .option('--actor <actor>', 'only what this one did: an agent id, operator, sidecar or anonymous')
        .option('--action <action>', 'only this procedure, or this deed of the sidecar')
        .option('--outcome <outcome>', 'only what came out like this: OK or an error code')
        .option('--project <project>', 'only deeds in this project')
        .option('--cursor <cursor>', 'where the page before ended'),
    ),
    'sidecar audit list --outcome PERMISSION_DENIED',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { actor, action, outcome, project: project_id, cursor } = options;
      const asked = client.audit.list({ actor, action, outcome, project_id, cursor });
      const page = await whileWaiting(terminal, 'Listing audit records', asked);
      printAnswer(terminal, options, page, ({ records }) =>
        records.length === 0
          ? ['No records.']
          : renderTable(
              records,
              [
                { title: '#', text: ({ sequence }) => `${sequence}`, align: 'right' },
                { title: 'at', text: ({ at }) => at },
                { title: 'actor', text: ({ actor }) => actor, flexible: true },
                { title: 'action', text: ({ action }) => action, style: () => 'bold' },
                { title: 'target', text: ({ target }) => target ?? '', flexible: true },
                { title: 'outcome', text: ({ outcome }) => outcome },
                { title: 'times', text: ({ count }) => `${count}`, align: 'right' },
              ],
              terminal,
            ),
      );
      notePage(terminal, options, page.next_cursor);
    }),
  );

  withExamples(
    reads(
      audit
        .command('verify')
        .summary('check that no audit record was altered or removed')
        .description('Checks that no audit record was altered, removed or put elsewhere. Ends with 1 when one was.'),
    ),
    'sidecar audit verify',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const verdict = await whileWaiting(terminal, 'Checking the audit log', client.audit.verify({}));
      printAnswer(terminal, options, verdict, ({ ok, records, head, faults, restorations }) => [
        ok
          ? `${counted(records, 'record')}, all as they were written.`
          : `${counted(records, 'record')}, not all as they were written:`,
        ...faults.map(({ sequence, fault, detail }) => `  ${sequence}: ${fault}, ${detail}`),
        ...restorations.map(
          ({ sequence, missing, detail }) =>
            `  ${sequence}: restored, ${counted(missing, 'record')} before it missing, ${detail}`,
        ),
        ...(head ? [`newest: ${head.sequence} ${head.hash}`] : []),
      ]);
      if (!verdict.ok) throw new CommandFailure('The audit log was changed.', { exitCode: EXIT.failed });
    }),
  );
}
