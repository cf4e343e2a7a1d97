import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a collector keeps it. */
export interface CollectedSpan {
  readonly name: string;
  /** 1: internal, 2: server. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it begins its trace. */
  readonly parentSpanId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly string[];
  /** 2: an error. */
  readonly status: number;
}

/** A collector of traces on a port of the system’s choice: OTLP over HTTP, as JSON. */
export interface Collector {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Everything that was posted, as text. */
  readonly text: string;
  readonly headers: readonly IncomingHttpHeaders[];
  /** Requests that have come and are neither answered nor given up. */
  readonly waiting: number;
  /** Attributes of what the spans are about. */
  readonly resource: Readonly<Record<string, string | number | boolean>>;
  close(): void;
}

interface KeyValue {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: number | string;
    readonly doubleValue?: number;
    readonly boolValue?: boolean;
  };
}

interface Posted {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: KeyValue[] };
    readonly scopeSpans: { readonly spans: PostedSpan[] }[];
  }[];
}

interface PostedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: KeyValue[];
  readonly links?: { readonly spanId: string }[];
  readonly status?: { readonly code?: number };
}

/**
 * Opens a collector.
 * @param silent accepts connections and never answers.
 */
export async function openCollector({ silent = false } = {}): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let text = '';
  let waiting = 0;
  let resource: Collector['resource'] = {};
  const server = createServer((request, response) => {
    waiting += 1;
    response.once('close', () => (waiting -= 1));
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      headers.push(request.headers);
      text += body;
      if (silent) return;
      if (request.url === '/v1/traces') {
        for (const group of (JSON.parse(body) as Posted).resourceSpans) {
          resource = read(group.resource.attributes);
          spans.push(...group.scopeSpans.flatMap((scope) => scope.spans.map(collected)));
        }
      }
      response.writeHead(request.url === '/v1/traces' ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    get waiting() {
      return waiting;
    },
    get text() {
      return text;
    },
    get resource() {
      return resource;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function collected(span: PostedSpan): CollectedSpan {
  const { name, kind, traceId, spanId, parentSpanId = '' } = span;
  return {
    name,
    kind,
    traceId,
    spanId,
    parentSpanId,
    startMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
    attributes: read(span.attributes),
    links: (span.links ?? []).map((link) => link.spanId),
    status: span.status?.code ?? 0,
  };
}

function read(attributes: readonly KeyValue[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? doubleValue ?? boolValue ?? Number(intValue),
    ]),
  );
}
