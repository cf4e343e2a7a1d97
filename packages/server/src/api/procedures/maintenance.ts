import { contract, type Backup, type MirrorReport } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

/** Faults that are listed; there may be one for every file. */
const MAX_FAULTS = 1000;

export function backupProcedures({ backups }: Rooms): Implementations<typeof contract.backups> {
  return {
    create: implement(contract.backups.create, async ({ secrets }) => toAnswer(await backups.create(secrets))),
    list: implement(contract.backups.list, async () => ({
      backups: (await backups.list()).map(toAnswer),
      running: backups.progress,
      next_cursor: null,
    })),
  };
}

export function mirrorProcedures({ mirrors }: Rooms): Implementations<typeof contract.mirrors> {
  return {
    verify: implement(contract.mirrors.verify, async () => report(await mirrors.verify())),
    rebuild: implement(contract.mirrors.rebuild, async () => report(await mirrors.rebuild())),
  };
}

function report(faults: MirrorReport['faults']): MirrorReport {
  return { different: faults.length, faults: faults.slice(0, MAX_FAULTS) };
}

function toAnswer(backup: Omit<Backup, 'bytes'> & { readonly files: readonly { readonly bytes: number }[] }): Backup {
  const { path, created_at, version, secrets, counts, files } = backup;
  return { path, created_at, version, secrets, counts, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}
