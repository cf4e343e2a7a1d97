import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Connections to open. */
export interface IdleSocketsOrder {
  readonly port: number;
  readonly count: number;
  /** What each sends at once, and then again and again. */
  readonly firstBytes: string;
  readonly thenEach: string;
  readonly everyMs: number;
}

/** How many connections are open: told when all have been opened, and when the server has closed them all. */
export interface IdleSocketsReport {
  readonly open: number;
}

const OPENED_AT_ONCE = 250;

const sockets = new Set<Socket>();
const report = (): void => void process.send?.({ open: sockets.size } satisfies IdleSocketsReport);

/** A program of its own: server and clients in one process would share its limit of descriptors. */
process.on('message', (order: IdleSocketsOrder) => void hold(order));

async function hold({ port, count, firstBytes, thenEach, everyMs }: IdleSocketsOrder): Promise<void> {
  const closings: Promise<unknown>[] = [];
  const open = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1').resume();
    socket.on('error', () => {});
    // Not `once`, which rejects for one that is reset: it tells of an error before it closes.
    closings.push(
      new Promise<void>((resolve) => {
        socket.once('close', () => {
          sockets.delete(socket);
          resolve();
        });
      }),
    );
    await once(socket, 'connect');
    sockets.add(socket);
    if (firstBytes !== '') socket.write(firstBytes);
  };
  for (let opened = 0; opened < count; opened += OPENED_AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(OPENED_AT_ONCE, count - opened) }, open));
  }
  report();
  const drip = setInterval(() => {
    if (thenEach !== '') for (const socket of sockets) socket.write(thenEach);
  }, everyMs);
  await Promise.all(closings);
  clearInterval(drip);
  report();
}
