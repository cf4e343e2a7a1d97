import { readFile } from 'node:fs/promises';
import { findProgram } from './find-program.ts';
import { runCommand } from './run-command.ts';

/**
 * Size of a core dump, in bytes, that is too small for any: nothing is written. Zero would not do, since a dump that goes
 * to a program through a pipe is not held to it; one byte is what the kernel takes for "none" there too (Linux,
 * `fs/coredump.c`).
 */
const NO_DUMP_BYTES = '1';
const COMMAND_MS = 5000;

/**
 * Sees to it that a crash of this process, or of any that it starts from now on, leaves no memory on disk: there are keys
 * and tokens in it. Linux alone, by `prlimit` of util-linux, since Node cannot set a limit of its own process.
 * @param path directories to look for `prlimit` in, as in `PATH`.
 * @returns whether no dump will be written; false: limits are as they were inherited.
 */
export async function preventCoreDumps(path: string): Promise<boolean> {
  const prlimit = await findProgram('prlimit', path);
  if (prlimit.kind === 'found') {
    const limit = `--core=${NO_DUMP_BYTES}:${NO_DUMP_BYTES}`;
    const command = [prlimit.path, limit, '--pid', String(process.pid)];
    const { signal } = new AbortController();
    await runCommand({ command, cwd: '/', env: {}, timeoutMs: COMMAND_MS, signal });
  }
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  return new RegExp(`^Max core file size +[0${NO_DUMP_BYTES}] `, 'm').test(limits);
}
