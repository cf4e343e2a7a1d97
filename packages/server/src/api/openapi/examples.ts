import { isRecord, recordIn, type Json } from './json.ts';

/**
 * Makes examples from schemas, so that no entry is without one: the schema’s own example or value where it has any,
 * else one made of its parts. A new entry has good examples when its fields use the named schemas of the contract;
 * what is special to it says `.meta({ examples: […] })`.
 */
export interface ExampleMaker {
  /** What a caller sends: the required fields, and optional ones that have examples of their own. */
  request(schema: unknown): unknown;
  /** What a caller gets: every field. */
  answer(schema: unknown): unknown;
}

/** Words for fields that are any text to their schema. */
const TEXTS: Readonly<Record<string, string>> = {
  title: 'Add a cart',
  body: 'People want to buy more than one thing.',
  task: 'Add a cart to the shop.',
  summary: 'The cart keeps what was put into it.',
  detail: 'What went wrong this time.',
  reason: 'No longer needed.',
  message: 'The total is not rounded.',
  publisher: 'python-specialist-0198c2f0-5b1e-7c3a-9d55-2f6d1c0a7e11',
  publisher_type: 'python-specialist',
  root: '/home/you/shop',
  path: 'src/cart.py',
  content: 'def total(items): ...\n',
  storage_path: 'results/shop/issue-1/python-specialist.json',
  webhook_url: '/api/agents/python-specialist-0198c2f0-5b1e-7c3a-9d55-2f6d1c0a7e11/status',
  token: 'eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl',
  version: '0.1.0',
  cursor: 'a1b2c3d4.42',
  next_cursor: 'a1b2c3d4.42',
  launcher: 'command',
  branch: 'main',
  hash: '1a2b3c4',
  author: 'Ada',
  checksum: '9f86d081884c7d65',
  phase: 'build',
  workflow: 'feature',
  model_tier: 'standard',
  name: 'python-specialist',
};

/** How deep an example goes before it stops. */
const MAX_DEPTH = 12;

/** @param components - Named schemas that references point to. */
export function exampleMaker(components: Json): ExampleMaker {
  const resolve = (schema: Json): Json => {
    const reference = schema['$ref'];
    if (typeof reference !== 'string') return schema;
    const { $ref: _reference, ...own } = schema;
    return { ...resolve(recordIn(components, reference.split('/').at(-1) ?? '')), ...own };
  };
  const make = (given: unknown, field: string, sparse: boolean, depth: number): unknown => {
    const schema = resolve(isRecord(given) ? given : {});
    const [shown] = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : [];
    if (shown !== undefined) return shown;
    if ('const' in schema) return schema['const'];
    if (Array.isArray(schema['enum'])) return schema['enum'][0];
    for (const choice of ['anyOf', 'oneOf']) {
      const choices = schema[choice];
      if (Array.isArray(choices))
        return make(
          choices.find((each) => !isNull(each)),
          field,
          sparse,
          depth + 1,
        );
    }
    const parts = schema['allOf'];
    if (Array.isArray(parts)) return Object.assign({}, ...parts.map((part) => make(part, field, sparse, depth + 1)));
    if (schema['default'] !== undefined) return schema['default'];
    switch (typeOf(schema)) {
      case 'object':
        return depth > MAX_DEPTH ? {} : objectOf(schema, sparse, depth);
      case 'array':
        return depth > MAX_DEPTH ? [] : [make(schema['items'], field.replace(/s$/, ''), sparse, depth + 1)];
      case 'boolean':
        return true;
      case 'integer':
      case 'number':
        return Math.max(numberIn(schema, 'minimum') ?? 1, 1);
      case 'string':
        return textOf(schema, field);
      case 'null':
        return null;
      default:
        return {};
    }
  };
  const objectOf = (schema: Json, sparse: boolean, depth: number): Json => {
    const required = Array.isArray(schema['required']) ? schema['required'] : [];
    const fields = Object.entries(recordIn(schema, 'properties')).filter(
      ([name, field]) => !sparse || required.includes(name) || (isRecord(field) && 'examples' in field),
    );
    return Object.fromEntries(fields.map(([name, field]) => [name, make(field, name, sparse, depth + 1)]));
  };
  return {
    request: (schema) => make(schema, 'value', true, 0),
    answer: (schema) => make(schema, 'value', false, 0),
  };
}

/** `[string, null]` is a string that may be left open. */
function typeOf({ type }: Json): unknown {
  return Array.isArray(type) ? type.find((each) => each !== 'null') : type;
}

function textOf(schema: Json, field: string): string {
  const pattern = typeof schema['pattern'] === 'string' ? new RegExp(schema['pattern'], 'u') : /^/;
  const words = [TEXTS[field] ?? field, field.replaceAll('_', '-')];
  return (words.find((word) => pattern.test(word)) ?? field).padEnd(numberIn(schema, 'minLength') ?? 0, '.');
}

function isNull(schema: unknown): boolean {
  return isRecord(schema) && schema['type'] === 'null';
}

function numberIn(schema: Json, name: string): number | undefined {
  const value = schema[name];
  return typeof value === 'number' ? value : undefined;
}
