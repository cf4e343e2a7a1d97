import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { withExamples } from '../help-text.ts';
import { dataDirOf, withMaintenance, worksOnDirectory, type OfflineOptions } from '../offline-command.ts';
import { whileWaiting } from '../progress.ts';
import { counted } from '../render/quantity.ts';
import type { Terminal } from '../terminal.ts';

interface RestoreOptions extends OfflineOptions {
  readonly secrets?: boolean;
}

/** `sidecar restore`: puts a backup in the place of the store. */
export function addRestore(program: Command, terminal: Terminal): void {
  withExamples(
    worksOnDirectory(
      program
        .command('restore <backup>')
        .summary('put a backup in the place of the store')
        .description(
          'Checks a backup and puts it in the place of the store. What is there now is kept under backups/replaced-… in the ' +
            'data directory. The sidecar must be stopped. Cursors from before answer CURSOR_EXPIRED afterwards, and the ' +
            'mirrors are written anew.',
        )
        .option('--secrets', 'also replace signing keys and the operator token by those of the backup'),
    ),
    'sidecar restore /mnt/safe/2026-01-31T12-00-00.000Z',
  ).action((backup: string, options: RestoreOptions) => restore(backup, options, terminal));
}

async function restore(backup: string, options: RestoreOptions, terminal: Terminal): Promise<void> {
  const dataDir = await dataDirOf(options, terminal);
  await withMaintenance(async ({ restore: putInPlace, rebuildMirrors }) => {
    const restoring = putInPlace({
      backup: resolve(terminal.cwd, backup),
      dataDir,
      secrets: options.secrets ?? false,
      newEpoch: randomUUID().slice(0, 8),
      pid: process.pid,
      nowMs: Date.now(),
    });
    const { manifest, replaced } = await whileWaiting(terminal, 'Checking and restoring', restoring);
    const different = await whileWaiting(terminal, 'Writing the mirrors', rebuildMirrors(dataDir, process.pid));
    const { projects, issues, results, events } = manifest.counts;
    terminal.print(
      `Restored ${counted(projects, 'project')}, ${counted(issues, 'issue')}, ${counted(results, 'result')}, ${counted(events, 'event')} of ${manifest.created_at}.`,
    );
    if (replaced !== null) terminal.note(`The store that was there is kept in ${replaced}.`);
    if (different > 0) terminal.note(`${counted(different, 'mirror file')} brought up to date.`);
  });
}
