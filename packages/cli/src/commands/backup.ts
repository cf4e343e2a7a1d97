import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Backup, BackupProgress } from '@orchestration-sidecar/server/maintenance';
import { printAnswer } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { dataDirOf, withMaintenance, worksOnDirectory, type OfflineOptions } from '../offline-command.ts';
import { whileWaiting } from '../progress.ts';
import { progressBar } from '../progress-bar.ts';
import { ago, bytes, counted } from '../render/quantity.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

interface CreateOptions extends OfflineOptions {
  readonly to?: string;
  readonly secrets?: boolean;
}
interface ListOptions extends OfflineOptions {
  readonly in?: string;
}

const STEPS: Readonly<Record<BackupProgress['step'], string>> = {
  copying: 'Copying the store',
  checking: 'Checking the copy',
};

/** `sidecar backup`: copies of everything. */
export function addBackup(program: Command, terminal: Terminal): void {
  const backup = program
    .command('backup')
    .summary('make, list and check backups')
    .description('Backups of the store: projects, issues, results, events, agents, and how far everybody has come.');

  withExamples(
    worksOnDirectory(
      backup
        .command('create', { isDefault: true })
        .summary('make a backup, also while a sidecar runs')
        .description(
          'Makes a backup, also while a sidecar runs: one moment of the store, checked page by page, with a manifest and ' +
            'checksums. Prints its directory. Signing keys and the operator token are left out unless asked for: whoever ' +
            'has them is the operator.',
        )
        .option('--to <directory>', 'where backups are put (default: backups in the data directory)')
        .option('--secrets', 'also copy signing keys and the operator token')
        .option('--json', 'print the manifest as JSON'),
    ),
    'sidecar backup',
    'sidecar backup create --to /mnt/safe',
  ).action((options: CreateOptions) => create(options, terminal));

  withExamples(
    worksOnDirectory(
      backup
        .command('list')
        .summary('list backups, newest first')
        .description('Lists backups, newest first.')
        .option('--in <directory>', 'where they lie (default: backups in the data directory)')
        .option('--json', 'print the manifests as JSON'),
    ),
    'sidecar backup list',
  ).action((options: ListOptions) => list(options, terminal));

  withExamples(
    backup
      .command('verify <backup>')
      .summary('check that a backup is whole')
      .description(
        'Checks every file against its checksum and every page of the store. Exits with 1 when it is not whole.',
      )
      .option('--json', 'print the manifest as JSON'),
    'sidecar backup verify /mnt/safe/2026-01-31T12-00-00.000Z',
  ).action((path: string, options: { readonly json?: boolean }) =>
    withMaintenance(async ({ verifyBackup }) => {
      const checking = verifyBackup(resolve(terminal.cwd, path));
      const manifest = await whileWaiting(terminal, 'Checking the backup', checking);
      printAnswer(terminal, options, manifest, ({ created_at, counts }) => [
        `Whole: ${counted(counts.results, 'result')} and ${counted(counts.events, 'event')} of ${created_at}.`,
      ]);
    }),
  );
}

async function create(options: CreateOptions, terminal: Terminal): Promise<void> {
  const dataDir = await dataDirOf(options, terminal);
  await withMaintenance(async ({ createBackup, dataDirAt, VERSION }) => {
    const into = options.to === undefined ? dataDirAt(dataDir).backups : resolve(terminal.cwd, options.to);
    const bar = progressBar(terminal);
    const request = { dataDir, into, secrets: options.secrets ?? false, version: VERSION, nowMs: Date.now() };
    let backup: Backup;
    try {
      backup = await createBackup(request, ({ step, done, total }) => bar.update(STEPS[step], done, total));
    } finally {
      bar.end();
    }
    printAnswer(terminal, options, backup, ({ path }) => [path]);
    const { projects, issues, results, events } = backup.counts;
    terminal.note(
      `${counted(projects, 'project')}, ${counted(issues, 'issue')}, ${counted(results, 'result')}, ${counted(events, 'event')}; verified.`,
    );
  });
}

async function list(options: ListOptions, terminal: Terminal): Promise<void> {
  const dataDir = await dataDirOf(options, terminal);
  await withMaintenance(async ({ listBackups, bytesOf, dataDirAt }) => {
    const directory = options.in === undefined ? dataDirAt(dataDir).backups : resolve(terminal.cwd, options.in);
    const backups = await listBackups(directory);
    printAnswer(terminal, options, backups, () =>
      backups.length === 0
        ? ['No backups.']
        : renderTable(
            backups,
            [
              { title: 'made', text: ({ created_at }) => ago(created_at, Date.now()) },
              { title: 'results', text: ({ counts }) => `${counts.results}`, align: 'right' },
              { title: 'events', text: ({ counts }) => `${counts.events}`, align: 'right' },
              { title: 'size', text: (backup) => bytes(bytesOf(backup)), align: 'right' },
              { title: 'secrets', text: ({ secrets }) => (secrets ? 'yes' : 'no') },
              { title: 'directory', text: ({ path }) => path, flexible: true },
            ],
            terminal,
          ),
    );
  });
}
