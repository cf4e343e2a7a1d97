import { once } from 'node:events';
import type { Procedure } from '@orchestration-sidecar/shared';
import { WebSocket } from 'ws';

/** How one call ended: `in`, or the code it was refused with. */
export type Outcome = string;

/** A caller of the sidecar at one address: the same call through each door. */
export class EveryDoor {
  readonly #url: string;
  readonly #authorization: Record<string, string>;
  #socket: WebSocket | undefined;
  #id = 0;

  constructor(url: string, token: string | null) {
    this.#url = url;
    this.#authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  }

  /** Over REST; of a stream, whether it opens. */
  async rest({ rest }: Procedure, input: Readonly<Record<string, unknown>>): Promise<Outcome> {
    const left = new Map(Object.entries(input));
    const path = rest.path.replaceAll(/:(\w+)/g, (_all, name: string) => {
      const value = encodeURIComponent(textOf(left.get(name)));
      left.delete(name);
      return value;
    });
    const query = new URLSearchParams([...left].map(([name, value]) => [name, textOf(value)]));
    return rest.method === 'POST'
      ? this.#fetch(path, { method: 'POST', body: JSON.stringify(Object.fromEntries(left)) })
      : this.#fetch(`${path}?${query.toString()}`, { method: rest.method });
  }

  /** Over tRPC and HTTP. */
  trpc({ name, kind }: Procedure, input: object): Promise<Outcome> {
    const wrapped = JSON.stringify({ json: input });
    return kind === 'mutation'
      ? this.#fetch(`/trpc/${name}`, { method: 'POST', body: wrapped })
      : this.#fetch(`/trpc/${name}?input=${encodeURIComponent(wrapped)}`, { method: 'GET' });
  }

  /** Over tRPC and a WebSocket, of which a caller has one. */
  async webSocket({ name, kind }: Procedure, input: object): Promise<Outcome> {
    const socket = (this.#socket ??= new WebSocket(`${this.#url.replace('http', 'ws')}/trpc`, {
      headers: this.#authorization,
    }));
    if (socket.readyState === socket.CONNECTING) await once(socket, 'open');
    this.#id += 1;
    const id = this.#id;
    const answered = Promise.withResolvers<string>();
    const take = (data: Buffer): void => {
      const text = data.toString();
      if (text.startsWith(`{"id":${id},`)) answered.resolve(text);
    };
    socket.on('message', take);
    socket.send(JSON.stringify({ id, method: kind, params: { path: name, input: { json: input } } }));
    const text = await answered.promise;
    socket.off('message', take);
    if (kind === 'subscription') socket.send(JSON.stringify({ id, method: 'subscription.stop' }));
    return codeIn(text);
  }

  close(): void {
    this.#socket?.terminate();
  }

  async #fetch(path: string, init: RequestInit): Promise<Outcome> {
    const over = new AbortController();
    const json = init.body === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { ...this.#authorization, ...json };
    const response = await fetch(`${this.#url}${path}`, { ...init, headers, signal: over.signal });
    if (!response.headers.get('content-type')?.includes('event-stream')) return codeIn(await response.text());
    // tRPC tells a refusal of a stream inside of it. Whoever is let in gets an event, as long as there is one.
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (/^id: |serialized-error|"retryable"/m.test(text)) break;
    }
    over.abort();
    return codeIn(text);
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function codeIn(text: string): Outcome {
  return /"code":"([A-Z][A-Z_]+)"[^{]*"retryable"/.exec(text)?.[1] ?? 'in';
}
