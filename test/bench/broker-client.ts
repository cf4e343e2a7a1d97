import { connect, type Socket } from 'node:net';

/** What the bench asks its client to do. */
export interface Drive {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  /** Connections, each with one request under way. */
  readonly inFlight: number;
  readonly ms: number;
}

/**
 * Calls a route for a time whenever it is asked to, in a process of its own that lives as long as the bench, on
 * connections that do so too. Bytes on sockets: a client that costs more than the server would measure itself.
 */
process.on('disconnect', () => process.exit());
process.on('message', (drive: Drive) => void answer(drive));

const open = new Map<number, readonly Socket[]>();

/** Connections to a port; made when they are first asked for. */
function socketsTo(port: number, count: number): readonly Socket[] {
  const known = open.get(port);
  if (known) return known;
  const made = Array.from({ length: count }, () => connect(port, '127.0.0.1').setNoDelay());
  open.set(port, made);
  return made;
}

async function answer(drive: Drive): Promise<void> {
  const done = await run(drive);
  process.send?.(done);
}

async function run({ port, path, token, inFlight, ms }: Drive): Promise<number> {
  const request = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n\r\n`;
  const untilMs = performance.now() + ms;
  const counts = await Promise.all(socketsTo(port, inFlight).map((socket) => callUntil(socket, request, untilMs)));
  return counts.reduce((sum, count) => sum + count, 0);
}

function callUntil(socket: Socket, request: string, untilMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let answered = 0;
    let left = '';
    const take = (chunk: Buffer): void => {
      left += chunk.toString('latin1');
      const head = left.indexOf('\r\n\r\n');
      if (head === -1) return;
      if (!left.startsWith('HTTP/1.1 200')) return reject(new Error(left.slice(0, 300)));
      const bytes = Number(/content-length: (\d+)/i.exec(left)?.[1]);
      if (left.length < head + 4 + bytes) return;
      left = '';
      answered += 1;
      if (performance.now() < untilMs) return void socket.write(request);
      socket.off('data', take).off('error', reject);
      resolve(answered);
    };
    socket.on('error', reject).on('data', take);
    socket.write(request);
  });
}
