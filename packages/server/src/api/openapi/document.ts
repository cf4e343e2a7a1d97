import type { ErrorCode, Procedure } from '@orchestration-sidecar/shared';
import { exampleMaker } from './examples.ts';
import { recordIn, type Json } from './json.ts';
import { describeOperation } from './operation.ts';
import { plainRoutes } from './plain-routes.ts';
import { codesOf, problemComponents } from './problems.ts';
import { contractSchemas } from './schemas.ts';

/** What a noun of the contract stands for; a noun without a line here is listed by its name alone. */
const NOUNS: Readonly<Record<string, string>> = {
  system: 'How the sidecar itself is.',
  projects: 'The repositories that agents work on.',
  tokens: 'Who an agent is and what it may do.',
  issues: 'The units of work.',
  context: 'What an agent is shown of the project.',
  results: 'What agents hand in.',
  events: 'The durable log and everyone who follows it.',
  consumers: 'Durable consumers: the sidecar remembers what was handed out and what was done.',
  deadLetters: 'Events that a durable consumer did not take, with the reason.',
  agents: 'Running instances of agent types.',
  profiles: 'The definitions of the agent types.',
  workflows: 'The recipes by which issues are resolved.',
  openapi: 'This document.',
};

const DEFAULT_SERVER = { url: 'http://127.0.0.1:3001', description: 'Where a sidecar listens unless told otherwise.' };

/**
 * The OpenAPI 3.1 document of the REST door, made from the contract alone.
 * @param origin of the sidecar that it tells of; default: where one listens unless told otherwise.
 */
export function createOpenApi(entries: readonly Procedure[], version: string, origin?: string): Json {
  const schemas = contractSchemas(entries);
  const examples = exampleMaker(schemas.components);
  const paths: Record<string, Json> = {};
  const bodies: Json = {};
  for (const entry of entries) {
    const { path, method, operation, components } = describeOperation(entry, { schemas, examples, entries });
    paths[path] = { ...paths[path], [method]: operation };
    Object.assign(bodies, components);
  }
  const all = { ...paths, ...plainRoutes() };
  const codes = entries.flatMap((entry): ErrorCode[] => codesOf(entry, { body: true, project: true }));
  const problems = problemComponents(codes);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Orchestration Sidecar',
      version,
      summary: 'Context, durable events, results, tokens and processes for a whole orchestra of coding agents.',
      description:
        'Bodies are JSON in UTF-8 (`content-type: application/json`). What is refused is a problem document ' +
        '(RFC 9457) with a stable `code`, `retryable` and `recovery`. Every answer carries `x-correlation-id`. ' +
        'Answers may gain fields; clients ignore what they do not know.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [origin === undefined ? DEFAULT_SERVER : { url: origin, description: 'This sidecar.' }],
    security: [{ bearer: [] }],
    tags: tagsOf(all),
    paths: all,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'An agent’s token, from its environment (`JWT_TOKEN`) or `POST /api/tokens`; or the operator’s, which the ' +
            'first start wrote to `operator.token` in the data directory.',
        },
      },
      parameters: {
        CorrelationId: {
          name: 'x-correlation-id',
          in: 'header',
          required: false,
          description: 'Ties together what one piece of work causes. Left out: a new one.',
          schema: { $ref: '#/components/schemas/CorrelationId' },
        },
      },
      headers: {
        CorrelationId: {
          description: 'Correlation id of the request: the one that was sent, or a new one.',
          schema: { $ref: '#/components/schemas/CorrelationId' },
        },
        RetryAfter: {
          description: 'Seconds after which the same request may be let in.',
          schema: { type: 'integer', minimum: 0 },
        },
      },
      ...problems,
      schemas: { ...schemas.components, ...bodies },
    },
  };
}

function tagsOf(paths: Readonly<Record<string, unknown>>): Json[] {
  const names = Object.values(paths).flatMap((item) =>
    Object.values(recordIn({ item }, 'item')).flatMap((operation) => {
      const { tags } = recordIn({ operation }, 'operation');
      return Array.isArray(tags) ? tags.map(String) : [];
    }),
  );
  return [...new Set(names)].map((name) => ({ name, description: NOUNS[name] ?? name }));
}
