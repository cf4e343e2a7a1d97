import { Scope } from '../../runtime/scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { CONNECTION_TIMES, DRAIN_TIMEOUT_MS, type ConnectionTimes } from './bounds.ts';
import { Listener, type Doors } from './listener.ts';
import { createPlainServer } from './plain-server.ts';
import { createSecureServer } from './secure-server.ts';
import { TlsFiles, type TlsPaths } from './tls-files.ts';
import { listenOnSocket } from './unix-socket.ts';

export type { ConnectionTimes } from './bounds.ts';
export type { Doors } from './listener.ts';
export type { TlsPaths } from './tls-files.ts';

/** Where to listen, and how. */
export interface ListenersOptions {
  readonly host: string;
  readonly port: number;
  /** Speak TLS on the port; null: plain HTTP. */
  readonly tls: TlsPaths | null;
  /** Path of a Unix socket to listen on as well; null: none. */
  readonly socketPath: string | null;
  /** Open connections of each listener; further ones are closed at once. */
  readonly maxConnections: number;
  /** Other times than {@link CONNECTION_TIMES}, for tests. */
  readonly connectionTimes?: Partial<ConnectionTimes>;
  readonly logger: Logger;
}

/** What was opened. */
export interface Listening {
  /** Address of the port. */
  readonly url: string;
  readonly port: number;
  /** Requests that are not answered yet. */
  underWay(): number;
  /** Takes no further connection and gives requests under way some time; those that take longer are cut off. */
  close(): Promise<void>;
}

/**
 * Listens on the port and, when asked to, on a Unix socket: the same doors behind both.
 * @throws what the system says, and what is wrong with the TLS files; nothing is left open then.
 */
export async function openListeners(options: ListenersOptions, doors: Doors): Promise<Listening> {
  const { host, port, tls, socketPath, maxConnections, logger } = options;
  const times = { ...CONNECTION_TIMES, ...options.connectionTimes };
  const scope = new Scope();
  const listeners: Listener[] = [];
  const open = (name: string, server: ReturnType<typeof createPlainServer | typeof createSecureServer>): Listener => {
    const listener = scope.own(
      name,
      new Listener(server, doors, { maxConnections }),
      async (it) => {
        const cutOff = await it.close();
        if (cutOff > 0)
          logger.warn({ listener: name, calls: cutOff }, 'calls that took too long were cut off by the stop');
      },
      { deadlineMs: 2 * DRAIN_TIMEOUT_MS },
    );
    listeners.push(listener);
    return listener;
  };
  try {
    const files = tls && scope.own('tls files', TlsFiles.open(tls, logger), (it) => it.close());
    const server = files ? createSecureServer(files, times) : createPlainServer(times);
    const network = open('port', server);
    const bound = await network.listen({ host, port });
    if (socketPath !== null) {
      await listenOnSocket(open('unix socket', createPlainServer(times)), socketPath);
    }
    const url = `${tls ? 'https' : 'http'}://${reachable(host)}:${bound}`;
    const underWay = (): number => listeners.reduce((sum, each) => sum + each.underWay, 0);
    return { url, port: Number(bound), underWay, close: () => scope.close() };
  } catch (cause) {
    await scope.close();
    throw cause;
  }
}

/** Whoever is on this machine reaches a sidecar that listens on every address over loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
