import type { Procedure } from '@orchestration-sidecar/shared';
import { LIST_FRAME, PROBLEM_FRAME } from '../event-stream.ts';
import type { ExampleMaker } from './examples.ts';
import { recordIn, type Json } from './json.ts';
import { codesOf, problemResponses } from './problems.ts';
import { componentName, type ContractSchemas } from './schemas.ts';

/** What describing an operation takes. */
export interface OperationNeeds {
  readonly schemas: ContractSchemas;
  readonly examples: ExampleMaker;
  /** By name, for what a format answers in place of the entry. */
  readonly entries: readonly Procedure[];
}

/** One operation, and the component that its body refers to. */
export interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operation: Json;
  readonly components: Json;
}

/** Describes an entry as REST callers see it: path, query and header parameters, body, answer, problems. */
export function describeOperation(entry: Procedure, needs: OperationNeeds): Operation {
  const input = needs.schemas.input(entry);
  const fields = recordIn(input, 'properties');
  const inPath = new Set([...entry.rest.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? ''));
  const headers = new Map(Object.entries(entry.rest.headers ?? {}));
  const body = entry.rest.method === 'POST' ? bodyOf(entry, input, inPath, needs) : undefined;
  const parameters = Object.entries(fields)
    .filter(([name]) => inPath.has(name) || (!body && !headers.has(name)))
    .map(([name, schema]) => parameterOf(name, schema, inPath.has(name) ? 'path' : 'query', entry, needs));
  const carried = [...headers].map(([field, header]) => ({
    name: header,
    in: 'header',
    required: false,
    schema: fields[field] ?? { type: 'string' },
    example: exampleField(needs, field, fields[field]),
  }));
  const codes = codesOf(entry, { body: body !== undefined, project: 'project_id' in fields });
  return {
    path: entry.rest.path.replaceAll(/:(\w+)/g, '{$1}'),
    method: entry.rest.method.toLowerCase(),
    operation: {
      operationId: entry.name,
      summary: entry.summary,
      description: accessOf(entry),
      tags: [entry.name.split('.')[0]],
      ...(entry.access === 'public' && { security: [] }),
      parameters: [...parameters, ...carried, { $ref: '#/components/parameters/CorrelationId' }],
      ...(body && { requestBody: body.request }),
      responses: { [String(entry.rest.status ?? 200)]: successOf(entry, needs), ...problemResponses(codes) },
    },
    components: body?.components ?? {},
  };
}

function parameterOf(
  name: string,
  schema: unknown,
  place: 'path' | 'query',
  entry: Procedure,
  needs: OperationNeeds,
): Json {
  const others = entry.rest.aliases?.[name] ?? [];
  const formats = name === 'format' ? Object.keys(entry.rest.formats ?? {}) : [];
  const required = requiredOf(needs.schemas.input(entry)).has(name);
  const described = {
    ...(others.length > 0 && { description: `Also read as ${others.map((other) => `\`${other}\``).join(', ')}.` }),
    ...(formats.length > 0 && { description: `Also ${formats.map((format) => `\`${format}\``).join(', ')}.` }),
  };
  return {
    name,
    in: place,
    required: place === 'path' || required,
    ...described,
    schema: formats.length > 0 ? { type: 'string', enum: ['json', ...formats] } : schema,
    ...((place === 'path' || required) && { example: exampleField(needs, name, schema) }),
  };
}

function exampleField({ examples }: OperationNeeds, name: string, schema: unknown): unknown {
  return recordIn({ it: examples.answer({ type: 'object', properties: { [name]: schema } }) }, 'it')[name];
}

function bodyOf(
  entry: Procedure,
  input: Json,
  inPath: ReadonlySet<string>,
  { examples }: OperationNeeds,
): { request: Json; components: Json } {
  const kept = Object.entries(recordIn(input, 'properties')).filter(([name]) => !inPath.has(name));
  const required = [...requiredOf(input)].filter((name) => !inPath.has(name));
  const schema = { ...input, properties: Object.fromEntries(kept), required };
  const name = `${componentName(entry)}Request`;
  return {
    components: { [name]: schema },
    request: {
      required: required.length > 0,
      content: {
        'application/json': { schema: { $ref: `#/components/schemas/${name}` }, example: examples.request(schema) },
      },
    },
  };
}

function successOf(entry: Procedure, { schemas, examples, entries }: OperationNeeds): Json {
  const schema = schemas.answer(entry);
  const example = examples.answer(schema);
  const formats = Object.values(entry.rest.formats ?? {}).map(({ procedure, field, contentType }) => {
    const other = entries.find((each) => each.name === procedure);
    const text = other && recordIn({ it: examples.answer(schemas.answer(other)) }, 'it')[field];
    return [contentType.split(';')[0], { schema: { type: 'string' }, example: text ?? '' }];
  });
  return {
    description: entry.kind === 'subscription' ? STREAM : 'Done.',
    headers: { 'x-correlation-id': { $ref: '#/components/headers/CorrelationId' } },
    content:
      entry.kind === 'subscription'
        ? { 'text/event-stream': { schema: { type: 'string', 'x-item-schema': schema }, example: frameOf(example) } }
        : { 'application/json': { schema, example }, ...Object.fromEntries(formats) },
  };
}

const STREAM = `A stream of server-sent events that does not end. A frame \`${PROBLEM_FRAME}\` is the last one: its data is the problem document of what ended the stream.`;

/** An item as it travels in a stream: its position, its type, and the item as JSON. */
function frameOf(item: unknown): string {
  const last: unknown = Array.isArray(item) ? item.at(-1) : item;
  const { cursor, event_type } = recordIn({ it: last }, 'it');
  const name = Array.isArray(item) ? LIST_FRAME : String(event_type);
  return `id: ${String(cursor)}\nevent: ${name}\ndata: ${JSON.stringify(item)}\n\n`;
}

function accessOf({ access }: Procedure): string {
  if (access === 'public') return 'Needs no token.';
  if (access === 'authenticated') return 'For any valid token.';
  return access === 'operator' ? 'For the operator only.' : `For tokens with the permission \`${access}\`.`;
}

function requiredOf(schema: Json): ReadonlySet<string> {
  const required = schema['required'];
  return new Set(Array.isArray(required) ? required.map(String) : []);
}
