import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is wrong with a disk: no room, mounted read-only, writes fail, reads fail too, or each sync takes 0.7 s. */
export type Sickness = 'full' | 'read-only' | 'writes fail' | 'reads fail' | 'slow';

const CONTROL: Readonly<Record<Sickness | 'well', string>> = {
  full: 'f',
  'read-only': 'r',
  'writes fail': 'i',
  'reads fail': 'x',
  slow: 's',
  well: '.',
};

/** Whether a C compiler is there, which {@link makeSickDisk} needs. */
export const canMakeSickDisk = spawnSync('cc', ['--version']).status === 0;

/** A directory whose disk can fall ill, for a process that is started with the environment. */
export interface SickDisk extends Disposable {
  /** Where it is; does not exist yet. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  be(state: Sickness | 'well'): void;
}

/** The faults are made where the process calls the C library, so that nothing of the sidecar is replaced. */
export function makeSickDisk(): SickDisk {
  const place = mkdtempSync(join(tmpdir(), 'sidecar-sick-disk-'));
  const library = join(place, 'sick-disk.so');
  const source = join(import.meta.dirname, 'sick-disk.c');
  const built = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
  const control = join(place, 'control');
  writeFileSync(control, CONTROL.well);
  const file = openSync(control, 'r+');
  const directory = join(place, 'data');
  return {
    directory,
    environment: { LD_PRELOAD: library, SICK_DISK_CONTROL: control, SICK_DISK_ROOT: directory },
    be: (state) => void writeSync(file, CONTROL[state], 0),
    [Symbol.dispose]() {
      closeSync(file);
      rmSync(place, { recursive: true, force: true });
    },
  };
}
