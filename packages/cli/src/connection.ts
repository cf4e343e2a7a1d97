import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateDataDir } from '@orchestration-sidecar/server/config';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Options by which a command finds its sidecar. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly token?: string;
  readonly dataDir?: string;
  readonly socket?: string;
  readonly caFile?: string;
}

/** Where the sidecar is and what to show it. */
export interface Connection {
  readonly url: string;
  /** What told the URL, for people. */
  readonly urlFrom: string;
  /** Undefined: none was found. */
  readonly token: string | undefined;
  readonly tokenFrom: string | undefined;
  readonly dataDir: string;
  /** Certificates (PEM) to trust the sidecar by; undefined: the well-known ones. */
  readonly ca: string | undefined;
  /** Unix socket to connect to. */
  readonly socketPath: string | undefined;
  /** What told the socket, for people. */
  readonly socketFrom: string | undefined;
}

/**
 * Finds the sidecar: `--url`, `SIDECAR_URL`, else what the one that runs on the data directory wrote there; and the
 * token: `--token`, `SIDECAR_TOKEN`, inside of an agent the agent's own, else the operator's from the data directory.
 * A Unix socket (`--socket`, or `SIDECAR_SOCKET` where no URL is given) goes before the URL's address.
 * @throws {CommandFailure} when no sidecar is known, its URL is none, or the file of certificates cannot be read.
 */
export async function findSidecar(
  options: ConnectionOptions,
  terminal: Pick<Terminal, 'environment' | 'cwd'>,
): Promise<Connection> {
  const { environment, cwd } = terminal;
  const dataDir = await locateDataDir(options.dataDir, environment, cwd);
  const description = readDescription(dataDir);
  const written = textIn(description, 'url');
  const given = firstGiven([options.url, '--url'], [environment['SIDECAR_URL'], 'SIDECAR_URL']);
  const [socketPath, socketFrom] =
    firstGiven([options.socket, '--socket'], [given ? undefined : environment['SIDECAR_SOCKET'], 'SIDECAR_SOCKET']) ??
    [];
  const [url, urlFrom] =
    given ??
    (socketFrom === undefined ? [written, join(dataDir, DESCRIPTION)] : [written ?? BEHIND_SOCKET, socketFrom]);
  if (url === undefined) {
    throw new CommandFailure(`No sidecar runs on ${dataDir}.`, {
      exitCode: EXIT.unreachable,
      recovery: 'Start it with `sidecar serve`, or say where it runs with --url or --data-dir.',
    });
  }
  if (!isHttp(url)) {
    throw new CommandFailure(`${urlFrom ?? '--url'}: ${url} is not an http or https URL.`, {
      exitCode: EXIT.usage,
      recovery: 'Name the address of a sidecar, such as http://127.0.0.1:3001.',
    });
  }
  const insideAgent = environment['AGENT_ID'] ? environment['JWT_TOKEN'] : undefined;
  const [token, tokenFrom] =
    firstGiven(
      [options.token, '--token'],
      [environment['SIDECAR_TOKEN'], 'SIDECAR_TOKEN'],
      [insideAgent, 'JWT_TOKEN'],
      // The operator's token goes to nobody else than the sidecar that wrote it, or one of this machine.
      [
        url === written || socketPath !== undefined || isLoopback(url)
          ? readText(join(dataDir, OPERATOR_TOKEN))
          : undefined,
        join(dataDir, OPERATOR_TOKEN),
      ],
    ) ?? [];
  const caFile =
    options.caFile ??
    (environment['SIDECAR_CA_FILE'] || (url === written ? textIn(description, 'ca_file') : undefined));
  const isEncrypted = socketPath === undefined && url.startsWith('https:');
  const ca = isEncrypted && caFile !== undefined ? readCertificates(caFile) : undefined;
  return { url, urlFrom, token, tokenFrom, dataDir, ca, socketPath, socketFrom };
}

/** A sidecar that runs on a data directory, as it says there itself. */
export interface RunningSidecar {
  readonly url: string;
  readonly pid: number;
}

/** The sidecar that runs on a data directory; null when none does, also where a killed one left its description. */
export function runningSidecar(dataDir: string): RunningSidecar | null {
  const description = readDescription(dataDir);
  const url = textIn(description, 'url');
  const pid = fieldIn(description, 'pid');
  return url !== undefined && typeof pid === 'number' && isAlive(pid) ? { url, pid } : null;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // Somebody else's process is alive too.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

function readCertificates(path: string): string {
  const text = readText(path);
  if (text !== undefined) return text;
  throw new CommandFailure(`The certificates in ${path} cannot be read.`, {
    exitCode: EXIT.usage,
    recovery: 'Name a file of certificates in PEM with --ca-file or SIDECAR_CA_FILE.',
  });
}

/** What a sidecar that listens on a socket is called where nothing else is known. */
const BEHIND_SOCKET = 'http://localhost';
const DESCRIPTION = 'sidecar.json';
const OPERATOR_TOKEN = 'operator.token';

function firstGiven(
  ...sources: (readonly [value: string | undefined, from: string])[]
): readonly [string, string] | undefined {
  for (const [value, from] of sources) if (value) return [value, from];
  return undefined;
}

function readDescription(dataDir: string): unknown {
  try {
    return JSON.parse(readText(join(dataDir, DESCRIPTION)) ?? '');
  } catch {
    return undefined;
  }
}

function textIn(description: unknown, field: string): string | undefined {
  const value = fieldIn(description, field);
  return typeof value === 'string' ? value : undefined;
}

function fieldIn(description: unknown, field: string): unknown {
  return typeof description === 'object' && description !== null ? Reflect.get(description, field) : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
