import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { Target } from './target.ts';

/** A client that has one request under way at a time. */
export interface LeanClient {
  publish(): Promise<void>;
  close(): void;
}

/**
 * Posts one prepared request over a kept connection and reads of the answer no more than its status and length: a fifth
 * of what `node:http` costs, so that with the load on the same machine the server is what is measured.
 */
export async function leanRestClient(target: Target, path: string, body: string): Promise<LeanClient> {
  const { hostname, port } = new URL(target.url);
  const socket = connect(Number(port), hostname).setNoDelay(true).setEncoding('latin1');
  await once(socket, 'connect');
  const request = [
    `POST ${path} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${target.token}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
  const answered = new Turn();
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
    const headEnd = text.indexOf('\r\n\r\n');
    const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
    if (headEnd === -1 || length === undefined || text.length < headEnd + 4 + Number(length)) return;
    const refused = text.startsWith('HTTP/1.1 202 ') ? undefined : new Error(text.slice(0, 500));
    text = '';
    answered.over(refused);
  });
  socket.on('error', (cause) => answered.over(cause));
  return {
    publish() {
      socket.write(request);
      return answered.wait();
    },
    close: () => socket.destroy(),
  };
}

/** Sends one prepared tRPC message after the other over a WebSocket and looks at the answers only for errors. */
export async function leanSocketClient(target: Target, procedure: string, input: unknown): Promise<LeanClient> {
  const socket = new WebSocket(`${target.url.replace('http', 'ws')}/trpc`, {
    perMessageDeflate: false,
    headers: { authorization: `Bearer ${target.token}` },
  });
  await once(socket, 'open');
  const message = JSON.stringify({ id: 1, method: 'mutation', params: { path: procedure, input: { json: input } } });
  const answered = new Turn();
  socket.on('message', (data: Buffer) => {
    answered.over(data.includes('"error"') ? new Error(data.toString()) : undefined);
  });
  socket.on('error', (cause) => answered.over(cause));
  return {
    publish() {
      socket.send(message);
      return answered.wait();
    },
    close: () => socket.terminate(),
  };
}

/** What one waits for, again and again. */
class Turn {
  #settle: ((cause?: Error) => void) | undefined;

  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = (cause) => (cause ? reject(cause) : resolve());
    });
  }

  over(cause?: Error): void {
    this.#settle?.(cause);
    this.#settle = undefined;
  }
}
