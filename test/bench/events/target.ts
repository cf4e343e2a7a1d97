import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../../support/server-process.ts';

/** A sidecar in a process of its own. */
export interface Target {
  readonly url: string;
  readonly token: string;
  readonly dataDir: string;
  /** CPU time that the process has used, in milliseconds. */
  cpuMs(): number;
  /** Memory that the process holds, in bytes. */
  memoryBytes(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Payload that makes an event of about 600 bytes. */
export const PADDING = 'x'.repeat(200);

const TICKS_PER_SECOND = 100;

/** Starts the sidecar to be measured. */
export async function startTarget(): Promise<Target> {
  const server = await startServer();
  const { url } = JSON.parse(readFileSync(join(server.dataDir, 'sidecar.json'), 'utf8')) as { url: string };
  return {
    url,
    token: readFileSync(join(server.dataDir, 'operator.token'), 'utf8').trim(),
    dataDir: server.dataDir,
    cpuMs: () => cpuMsOf(server.pid),
    memoryBytes() {
      const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** CPU time of a process, in milliseconds. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
