import { resolve } from 'node:path';
import type * as Maintenance from '@orchestration-sidecar/server/maintenance';
import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Options of a command that works on a data directory itself. */
export interface OfflineOptions {
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** Adds the option that names the data directory. */
export function worksOnDirectory(command: Command): Command {
  return command.option('--data-dir <directory>', 'data directory (SIDECAR_DATA_DIR)');
}

/** The data directory that is meant. */
export async function dataDirOf(options: OfflineOptions, terminal: Terminal): Promise<string> {
  const { loadConfig } = await import('@orchestration-sidecar/server/config');
  const flags = options.dataDir === undefined ? {} : { dataDir: resolve(terminal.cwd, options.dataDir) };
  return (await loadConfig(flags, terminal.environment, terminal.cwd)).config.dataDir;
}

/** Loads what works on data directories, and says in words what it fails with. */
export async function withMaintenance<T>(work: (maintenance: typeof Maintenance) => Promise<T>): Promise<T> {
  const maintenance = await import('@orchestration-sidecar/server/maintenance');
  try {
    return await work(maintenance);
  } catch (cause) {
    if (cause instanceof maintenance.DirectoryBusyError) {
      throw new CommandFailure(cause.message, {
        exitCode: EXIT.busy,
        recovery: 'Stop the sidecar that runs there first.',
        cause,
      });
    }
    const { BackupError, StoreError, TransferError } = maintenance;
    if (cause instanceof BackupError) {
      throw new CommandFailure(cause.message, {
        recovery: '`sidecar backup list` shows the backups there are.',
        cause,
      });
    }
    if (cause instanceof StoreError || cause instanceof TransferError) {
      throw new CommandFailure(cause.message, { cause });
    }
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (cause instanceof Error && typeof code === 'string' && /^(E[A-Z]+|SQLITE_\w+)$/.test(code)) {
      throw new CommandFailure(`The system does not allow it: ${cause.message}`, {
        recovery: '`sidecar doctor` looks at the disk and the permissions.',
        cause,
      });
    }
    throw cause;
  }
}
