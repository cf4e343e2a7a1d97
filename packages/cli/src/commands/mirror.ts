import type { Command } from 'commander';
import type { MirrorReport } from '@orchestration-sidecar/shared';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { counted } from '../render/quantity.ts';
import type { Terminal } from '../terminal.ts';

/** Differences that are shown to people. */
const SHOWN = 20;

/** `sidecar mirror`: the JSON files beside the store. */
export function addMirror(program: Command, terminal: Terminal): void {
  const mirror = program
    .command('mirror')
    .summary('compare the JSON mirrors with the store')
    .description('The JSON files that show what the store holds: results/ and events/event-log.jsonl.');

  withExamples(
    reads(
      mirror
        .command('verify')
        .summary('compare every mirror with the store')
        .description('Compares every mirror with the store. Exits with 1 when one differs.'),
    ),
    'sidecar mirror verify',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const report = await whileWaiting(terminal, 'Comparing', client.mirrors.verify({}));
      printAnswer(terminal, options, report, (it) => lines(it, 'All mirrors are as the store says.'));
      if (report.different > 0) {
        throw new CommandFailure(
          report.different === 1
            ? '1 file differs from the store.'
            : `${report.different} files differ from the store.`,
          {
            recovery: '`sidecar mirror rebuild` writes them anew.',
          },
        );
      }
    }),
  );

  withExamples(
    reads(
      mirror
        .command('rebuild')
        .summary('write anew what differs from the store')
        .description('Compares every mirror with the store and writes anew what differs.'),
    ),
    'sidecar mirror rebuild',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const report = await whileWaiting(terminal, 'Comparing', client.mirrors.rebuild({}));
      printAnswer(terminal, options, report, (it) => [
        ...lines(it, 'All mirrors were as the store says.'),
        ...(it.different > 0 ? [`${counted(it.different, 'file')} put right.`] : []),
      ]);
    }),
  );
}

function lines({ faults, different }: MirrorReport, none: string): string[] {
  if (different === 0) return [none];
  const shown = faults.slice(0, SHOWN).map(({ path, fault }) => `${fault}  ${path}`);
  return different > SHOWN ? [...shown, `and ${different - SHOWN} more`] : shown;
}
