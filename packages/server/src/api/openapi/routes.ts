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

/** Stands in the documents for the address that they are asked at; no host has a name in `.invalid` (RFC 2606). */
const ORIGIN = 'http://sidecar.invalid';

/**
 * Adds the document of the REST door and the page to read it on; both name the address that they were asked at. Each is
 * made once, when it is first asked for.
 */
export function addDocumentRoutes(http: FastifyInstance, { entries, version, originOf }: DocumentRoutesNeeds): void {
  let document: string | undefined;
  let page: string | undefined;
  http.get('/openapi.json', ({ headers }, reply) => {
    document ??= JSON.stringify(createOpenApi(entries, version, ORIGIN));
    return reply.type('application/json').send(document.replaceAll(ORIGIN, originOf(headers)));
  });
  http.get('/docs', ({ headers }, reply) => {
    page ??= createReferencePage(createOpenApi(entries, version, ORIGIN));
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', PAGE_POLICY)
      .send(page.replaceAll(ORIGIN, originOf(headers)));
  });
  http.get('/docs/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(REFERENCE_STYLE));
  for (const path of ['/', '/docs/']) http.get(path, (_request, reply) => reply.redirect('/docs'));
}
