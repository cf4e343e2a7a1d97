import { connect } from 'node:net';

/** Sends bytes as they are to a port of this machine and answers what came back until the connection closed. */
export function sendRaw(url: string, bytes: string | Buffer, { end = false } = {}): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => (end ? socket.end(bytes) : socket.write(bytes)));
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}

/** Status and problem code of each answer in what came back. */
export function outcomes(answer: string): string[] {
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3})[\s\S]*?\r\n\r\n([^]*?)(?=HTTP\/1\.1 \d{3}|$)/gm)].map(
    ([, status = '', body = '']) => [status, /"code":"([A-Z_]+)"/.exec(body)?.[1]].filter(Boolean).join(' '),
  );
}
