import { isRecord, recordIn, type Json } from './json.ts';

/** One operation of a document, as a page shows it. */
export interface DescribedOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly operation: Json;
}

/** The operations of a document by tag, in the order of its tags. */
export function operationsByTag(document: Json): ReadonlyMap<string, readonly DescribedOperation[]> {
  const operations = Object.entries(recordIn(document, 'paths')).flatMap(([path, item]) =>
    Object.entries(isRecord(item) ? item : {}).map(([method, given]): DescribedOperation => {
      const operation = isRecord(given) ? given : {};
      const [tag] = listIn(operation, 'tags');
      return { id: String(operation['operationId']), method, path, tag: String(tag), operation };
    }),
  );
  return Map.groupBy(operations, ({ tag }) => tag);
}

/** The list a field holds; empty when it holds none. */
export function listIn(holder: Json, field: string): readonly unknown[] {
  const value = holder[field];
  return Array.isArray(value) ? value : [];
}

/** The text a field holds; empty when it holds none. */
export function textIn(holder: Json, field: string): string {
  const value = holder[field];
  return typeof value === 'string' ? value : '';
}

/** What a reference points to; anything else as it is. */
export function resolve(document: Json, value: unknown): Json {
  const given = isRecord(value) ? value : {};
  if (typeof given['$ref'] !== 'string') return given;
  const steps = given['$ref'].split('/').slice(1);
  let found = document;
  for (const step of steps) found = recordIn(found, step);
  const { $ref: _reference, ...own } = given;
  return { ...resolve(document, found), ...own };
}

/** The name of the schema that is referred to. */
export function nameOf(schema: unknown): string | undefined {
  const reference = isRecord(schema) ? schema['$ref'] : undefined;
  return typeof reference === 'string' ? reference.split('/').at(-1) : undefined;
}

/** A type in one line; names of schemas are in angle brackets, for the page to link. */
export function typeOf(schema: unknown): string {
  if (!isRecord(schema)) return 'any';
  const name = nameOf(schema);
  if (name !== undefined) return `<${name}>`;
  if ('const' in schema) return JSON.stringify(schema['const']);
  const values = listIn(schema, 'enum');
  if (values.length > 0) return values.map((value) => JSON.stringify(value)).join(' | ');
  const choices = [...listIn(schema, 'anyOf'), ...listIn(schema, 'oneOf')];
  if (choices.length > 0) return choices.map(typeOf).join(' | ');
  const { type } = schema;
  if (type === 'array') return `${typeOf(schema['items'])}[]`;
  if (Array.isArray(type)) return type.join(' | ');
  return typeof type === 'string' ? type : 'any';
}

/** What bounds a value, in words. */
export function boundsOf(schema: Json): string {
  const words = [
    ['minLength', 'at least', 'characters'],
    ['maxLength', 'at most', 'characters'],
    ['minItems', 'at least', 'items'],
    ['maxItems', 'at most', 'items'],
    ['minimum', 'from', ''],
    ['maximum', 'to', ''],
    ['pattern', 'form', ''],
  ] as const;
  const said = words.flatMap(([field, before, after]) => {
    const value = schema[field];
    if (typeof value === 'number' && Math.abs(value) >= Number.MAX_SAFE_INTEGER) return [];
    return value === undefined
      ? []
      : [
          `${before} \`${typeof value === 'string' ? value : JSON.stringify(value)}\`${after === '' ? '' : ` ${after}`}`,
        ];
  });
  const fallback = schema['default'];
  if (fallback !== undefined) said.push(`default \`${JSON.stringify(fallback)}\``);
  return said.join(', ');
}
