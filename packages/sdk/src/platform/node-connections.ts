import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { rootCertificates } from 'node:tls';
import type { Connections, Route } from './platform.ts';
import { wsWebSocket } from './ws-web-socket.ts';

/** Connections over a Unix socket, or to a sidecar whose certificate only a given one vouches for. */
export function connectOver(route: Route): Connections {
  const trusted = async (): Promise<string[] | undefined> => {
    const ca = await route.ca();
    return ca === undefined ? undefined : [...rootCertificates, ca];
  };
  return {
    async fetch(input, init) {
      const request = new Request(input, init);
      const body = await request.text();
      const url = new URL(request.url);
      // A socket file is plain HTTP, also where the port of the same sidecar speaks TLS.
      if (route.socketPath !== undefined) url.protocol = 'http:';
      const message = await send(
        url,
        {
          method: request.method,
          headers: { ...Object.fromEntries(request.headers), 'content-length': Buffer.byteLength(body) },
          signal: request.signal,
          ...(route.socketPath !== undefined && { socketPath: route.socketPath }),
        },
        await trusted(),
        body,
      );
      return new Response(await text(message), { status: message.statusCode ?? 500, headers: headersOf(message) });
    },
    webSocket: async () => wsWebSocket({ socketPath: route.socketPath, ca: await trusted() }),
  };
}

function send(url: URL, options: RequestOptions, ca: string[] | undefined, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:' ? requestSecure(url, { ...options, ca }, resolve) : requestPlain(url, options, resolve);
    request.once('error', reject).end(body);
  });
}

function headersOf({ headers }: IncomingMessage): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) all.append(name, each);
  }
  return all;
}
