import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** A sidecar in a process of its own, as `npm start` runs it. */
export interface SidecarProcess {
  readonly url: string;
  readonly operatorToken: string;
  /** Asks it to stop and waits until it has; answers its exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts `sidecar serve` on a free port; resolves when it says that it is ready.
 * @param program the bundled command; left out, it runs from source.
 */
export async function startSidecarProcess(
  program: string | undefined,
  flags: Readonly<Record<string, string>>,
): Promise<SidecarProcess> {
  const source = [
    '--conditions=@orchestration-sidecar/source',
    resolve(import.meta.dirname, '../packages/cli/src/main.ts'),
  ];
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const child: ChildProcess = spawn(
    process.execPath,
    [...(program === undefined ? source : [program]), 'serve', '--port', '0', ...args],
    // Ctrl-C is the demo’s: it stops the agents before the sidecar.
    { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  );
  const ended = once(child, 'exit');
  const url = await Promise.race([readyUrl(child), ended.then(() => undefined)]);
  if (url === undefined) throw new Error('the sidecar ended before it was ready');
  return {
    url,
    operatorToken: readFileSync(join(flags['data-dir'] ?? '', 'operator.token'), 'utf8').trim(),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
  };
}

async function readyUrl(child: ChildProcess): Promise<string | undefined> {
  if (!child.stdout) return undefined;
  for await (const line of createInterface(child.stdout)) {
    const url = /https?:\/\/\S+/.exec(line)?.[0];
    if (url !== undefined) return url;
  }
  return undefined;
}
