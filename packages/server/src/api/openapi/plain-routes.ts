import type { Json } from './json.ts';

/** Routes that are no procedures: documents of the sidecar itself, open to whoever may connect. */
export function plainRoutes(): Json {
  return {
    '/openapi.json': document('openapi.document', 'Answers this document.', 'application/json', { type: 'object' }, {}),
    '/docs': document('openapi.page', 'Answers this document as a page to read.', 'text/html', { type: 'string' }, '…'),
    '/metrics': document(
      'system.metrics',
      'Answers the metrics in the text format of Prometheus.',
      'text/plain',
      { type: 'string' },
      '# TYPE sidecar_active_agents gauge\nsidecar_active_agents 3\n',
    ),
    '/.well-known/jwks.json': document(
      'tokens.keys',
      'Answers the public keys that tokens are signed with (RFC 7517).',
      'application/json',
      { type: 'object', properties: { keys: { type: 'array', items: { type: 'object' } } }, required: ['keys'] },
      { keys: [{ kty: 'RSA', kid: 'k1', alg: 'RS256', use: 'sig', n: '…', e: 'AQAB' }] },
    ),
  };
}

function document(operationId: string, summary: string, mediaType: string, schema: Json, example: unknown): Json {
  return {
    get: {
      operationId,
      summary,
      description: 'Needs no token.',
      tags: [operationId.split('.')[0]],
      security: [],
      responses: {
        '200': { description: 'Done.', content: { [mediaType]: { schema, example } } },
        '429': { $ref: '#/components/responses/TooManyRequests' },
        '503': { $ref: '#/components/responses/Unavailable' },
      },
    },
  };
}
