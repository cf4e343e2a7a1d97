import { z } from 'zod';
import { ERRORS, Problem, type ErrorCode, type Procedure } from '@orchestration-sidecar/shared';

type Json = Record<string, unknown>;

/** Codes that any call with a token can meet. */
const COMMON_ERRORS: readonly ErrorCode[] = ['INPUT_INVALID', 'UNAUTHENTICATED', 'PERMISSION_DENIED'];

/** The OpenAPI 3.1 document of the REST door, made from the contract. */
export function createOpenApi(entries: readonly Procedure[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const entry of entries) {
    const path = entry.rest.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [entry.rest.method.toLowerCase()]: operationOf(entry) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Orchestration Sidecar', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: 'http://127.0.0.1:3001' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: schemaOf(Problem, 'output') },
    },
  };
}

function operationOf(entry: Procedure): Json {
  const input = schemaOf(entry.input, 'input');
  const fields: Json = isRecord(input['properties']) ? input['properties'] : {};
  const required = new Set<unknown>(Array.isArray(input['required']) ? input['required'] : []);
  const inPath = new Set([...entry.rest.path.matchAll(/:(\w+)/g)].map((match) => match[1]));
  const carriesBody = entry.rest.method === 'POST';
  const parameters = Object.entries(fields)
    .filter(([name]) => inPath.has(name) || !carriesBody)
    .map(([name, schema]) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: inPath.has(name) || required.has(name),
      schema,
    }));
  const bodyFields = Object.entries(fields).filter(([name]) => !inPath.has(name));
  const body = {
    ...input,
    properties: Object.fromEntries(bodyFields),
    required: bodyFields.map(([name]) => name).filter((name) => required.has(name)),
  };
  const isStream = entry.kind === 'subscription';
  return {
    operationId: entry.name,
    summary: entry.summary,
    tags: [entry.name.split('.')[0]],
    ...(entry.access === 'public' ? { security: [] } : {}),
    parameters,
    ...(carriesBody
      ? { requestBody: { required: bodyFields.length > 0, content: { 'application/json': { schema: body } } } }
      : {}),
    responses: {
      [String(entry.rest.status ?? 200)]: {
        description: 'Success',
        content: {
          [isStream ? 'text/event-stream' : 'application/json']: { schema: schemaOf(entry.output, 'output') },
        },
      },
      ...problemResponses(entry),
    },
  };
}

function problemResponses(entry: Procedure): Json {
  const codes = [...(entry.access === 'public' ? [] : COMMON_ERRORS), ...entry.errors];
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].http);
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      String(status),
      {
        description: [...new Set(list)].join(', '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
  });
  return json;
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
