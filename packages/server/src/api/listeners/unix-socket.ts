import { lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Listener } from './listener.ts';

/** What the system’s address structure has room for, on Linux and macOS. */
const MAX_PATH_BYTES = 103;

/**
 * Listens on a Unix socket that only its user can connect to. What a sidecar that was killed left there is removed.
 * @throws an error with `code` `EADDRINUSE` when somebody listens there, `ENAMETOOLONG`, or `EEXIST` for another kind of file.
 */
export async function listenOnSocket(listener: Listener, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw fault('ENAMETOOLONG', `the path of a socket has at most ${MAX_PATH_BYTES} bytes: ${path}`);
  }
  await removeStale(path);
  // The socket is made inside of the call, with its mode from the start: no moment in which others could connect.
  const before = process.umask(0o177);
  try {
    const listening = listener.listen({ path });
    process.umask(before);
    await listening;
  } finally {
    process.umask(before);
  }
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw fault('EEXIST', `there is a file that is no socket: ${path}`);
  if (await answers(path)) throw fault('EADDRINUSE', `another program listens on ${path}`);
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function fault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
