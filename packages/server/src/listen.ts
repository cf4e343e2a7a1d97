import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { writeFileAtomic } from './storage/atomic-file.ts';

/** A server that can be told where to listen. */
interface Listener {
  listen(host: string, port: number): Promise<{ readonly url: string; readonly port: number }>;
}

/**
 * Listens where it is configured to. Port 0 means any: then the port of the last time is taken again when it is free,
 * so that agents which outlived the sidecar still find it.
 * @param lastPortFile keeps the port from one start to the next.
 */
export async function listenAgain(
  server: Listener,
  at: { readonly host: string; readonly port: number },
  lastPortFile: string,
): Promise<{ readonly url: string; readonly port: number }> {
  const last = at.port === 0 ? readPort(lastPortFile) : undefined;
  const port = last !== undefined && (await isFree(at.host, last)) ? last : at.port;
  const bound = await server.listen(at.host, port).catch((cause: unknown) => {
    // Somebody took it since we looked.
    if (port === at.port) throw cause;
    return server.listen(at.host, at.port);
  });
  if (bound.port !== last) await writeFileAtomic(lastPortFile, `${bound.port}\n`);
  return bound;
}

function readPort(path: string): number | undefined {
  try {
    const port = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
