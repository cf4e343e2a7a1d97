import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Procedure } from '@orchestration-sidecar/shared';
import { createOpenApi } from './document.ts';
import { createReferencePage } from './reference-page.ts';
import { REFERENCE_STYLE } from './reference-style.ts';

/** The page needs its own style and nothing else; it is shown in no frame. */
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What the documents tell of. */
export interface DocumentRoutesNeeds {
  readonly entries: readonly Procedure[];
  readonly version: string;
  /** Our own origin as a request names it. */
  readonly originOf: (headers: IncomingHttpHeaders) => string;
}

/**
 * Adds the document of the REST door and the page to read it on; both name the address that they were asked at. Each is
 * made when it is first asked for there.
 */
export function addDocumentRoutes(http: FastifyInstance, { entries, version, originOf }: DocumentRoutesNeeds): void {
  const document = madeOncePer((origin) => JSON.stringify(createOpenApi(entries, version, origin)));
  const page = madeOncePer((origin) => createReferencePage(createOpenApi(entries, version, origin)));
  http.get('/openapi.json', ({ headers }, reply) => reply.type('application/json').send(document(originOf(headers))));
  http.get('/docs', ({ headers }, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', PAGE_POLICY)
      .send(page(originOf(headers))),
  );
  http.get('/docs/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(REFERENCE_STYLE));
  for (const path of ['/', '/docs/']) http.get(path, (_request, reply) => reply.redirect('/docs'));
}

/** Keeps only what was made last: callers choose the name they ask by, and there are few. */
function madeOncePer(make: (origin: string) => string): (origin: string) => string {
  let last: { readonly origin: string; readonly text: string } | undefined;
  return (origin) => {
    if (last?.origin !== origin) last = { origin, text: make(origin) };
    return last.text;
  };
}
