import { readFileSync } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';
import type { Config } from '../../runtime/config.ts';
import type { DataDir } from '../../storage/data-dir.ts';
import { fault, ok, unknown, type DoctorFinding } from './finding.ts';

const ANSWER_MS = 3000;

/**
 * Whether a sidecar can listen where it shall.
 * @param holder process of the sidecar that runs on the directory; null: none does.
 */
export async function lookAtPort(
  { host, port }: Pick<Config, 'host' | 'port'>,
  places: Pick<DataDir, 'description'>,
  holder: number | null,
): Promise<DoctorFinding> {
  const what = `port ${port}`;
  if (port === 0) return ok('port', 'any free one');
  const taken = await isTaken(host, port);
  if (taken === null) return unknown(what, `this machine cannot listen on ${host}`);
  if (!taken) return ok(what, holder === null ? 'free' : `free; the sidecar of process ${holder} has another`);
  if (holder !== null && listensOn(places.description, holder) === port) {
    return ok(what, `the sidecar of process ${holder} has it`);
  }
  return (await isSidecar(host, port))
    ? fault(what, 'the sidecar of another data directory has it', 'Choose another --port, or stop that one.')
    : fault(what, 'another program has it', 'Stop that program, or choose another --port.');
}

function isTaken(host: string, port: number): Promise<boolean | null> {
  const { promise, resolve } = Promise.withResolvers<boolean | null>();
  const server = createServer();
  server.once('error', (cause) => resolve('code' in cause && cause.code === 'EADDRINUSE' ? true : null));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  return promise;
}

/** Port of a running sidecar, as it describes itself. */
function listensOn(description: string, pid: number): number | undefined {
  try {
    const said: unknown = JSON.parse(readFileSync(description, 'utf8'));
    if (typeof said !== 'object' || said === null || !('pid' in said) || !('port' in said)) return undefined;
    return said.pid === pid && typeof said.port === 'number' ? said.port : undefined;
  } catch {
    return undefined;
  }
}

async function isSidecar(host: string, port: number): Promise<boolean> {
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}/health`;
  const answer: unknown = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })
    .then((response) => response.json())
    .catch(() => undefined);
  return typeof answer === 'object' && answer !== null && 'service' in answer;
}
