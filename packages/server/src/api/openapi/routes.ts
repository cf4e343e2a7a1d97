import type { FastifyInstance } from 'fastify';
import type { Procedure } from '@orchestration-sidecar/shared';
import { createOpenApi } from './document.ts';
import { createReferencePage } from './reference-page.ts';
import { REFERENCE_STYLE } from './reference-style.ts';

/** The page needs its own style and nothing else; it is shown in no frame. */
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds the document of the REST door and the page to read it on. Each is made when it is first asked for. */
export function addDocumentRoutes(http: FastifyInstance, entries: readonly Procedure[], version: string): void {
  let document: string | undefined;
  let page: string | undefined;
  http.get('/openapi.json', (_request, reply) => {
    document ??= JSON.stringify(createOpenApi(entries, version));
    return reply.type('application/json').send(document);
  });
  http.get('/docs', (_request, reply) => {
    page ??= createReferencePage(createOpenApi(entries, version));
    return reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY).send(page);
  });
  http.get('/docs/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(REFERENCE_STYLE));
}
