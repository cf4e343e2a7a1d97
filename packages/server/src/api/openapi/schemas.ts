import { z } from 'zod';
import { Problem, type Procedure } from '@orchestration-sidecar/shared';
import { isRecord, recordIn, type Json } from './json.ts';

/** The schemas of the contract as JSON Schema 2020-12, each written out once and referred to by name. */
export interface ContractSchemas {
  /** By component name. */
  readonly components: Json;
  /** Schema of a procedure’s whole input, with its references. */
  input(entry: Procedure): Json;
  /** Reference to the schema of a procedure’s answer; of a subscription, the schema of one item. */
  answer(entry: Procedure): Json;
}

/** Where references point to. */
const PLACE = '#/components/schemas/';

/** Makes the schemas of all entries. Named ones (`.meta({ id })`) keep their name, answers get one from their entry. */
export function contractSchemas(entries: readonly Procedure[]): ContractSchemas {
  const outputs = convert(entries, 'output');
  const inputs = convert(entries, 'input');
  const components: Json = { ...outputs.named };
  // What is sent and what is answered may differ under one name: a field with a default is optional in the first only.
  const renamed = new Map<string, string>();
  for (const [name, schema] of Object.entries(inputs.named)) {
    const known = components[name];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) renamed.set(name, `${name}Input`);
  }
  const inputsByName = rename(inputs, renamed);
  for (const [name, schema] of Object.entries(inputsByName.named)) components[renamed.get(name) ?? name] = schema;
  const answers = new Map<string, Json>();
  for (const entry of entries) {
    const schema = recordIn(outputs.entries, entry.name);
    // Items of a stream are described where the stream is: a reference from there does not count as one.
    if (entry.kind === 'subscription' || ('$ref' in schema && Object.keys(schema).length === 1)) {
      answers.set(entry.name, schema);
    } else {
      const name = `${componentName(entry)}Answer`;
      components[name] = schema;
      answers.set(entry.name, { $ref: PLACE + name });
    }
  }
  return {
    components,
    input: (entry) => recordIn(inputsByName.entries, entry.name),
    answer: (entry) => answers.get(entry.name) ?? {},
  };
}

/** `events.publishMany` → `EventsPublishMany`. */
export function componentName(entry: Procedure): string {
  return entry.name
    .split('.')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

interface Converted {
  /** By the id of the schema. */
  readonly named: Json;
  /** By the name of the entry. */
  readonly entries: Json;
}

function convert(entries: readonly Procedure[], io: 'input' | 'output'): Converted {
  const schemas = entries.map((entry) => [entry.name, io === 'input' ? entry.input : entry.output] as const);
  const all = z.object({ ...Object.fromEntries(schemas), ...(io === 'output' && { problem: Problem }) });
  const json: unknown = z.toJSONSchema(all, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => {
      // Answers may gain fields (DECISIONS 25), and clients must not refuse them.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const tree = isRecord(json) ? json : {};
  const named = Object.entries(recordIn(tree, '$defs')).map(([name, schema]): [string, unknown] => {
    const { id: _id, $id: _uri, ...rest } = isRecord(schema) ? schema : {};
    return [name, pointed(rest)];
  });
  const { problem: _problem, ...properties } = recordIn(tree, 'properties');
  return {
    named: Object.fromEntries(named.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    entries: recordIn({ it: pointed(properties) }, 'it'),
  };
}

/** Points references at the components. */
function pointed(value: unknown): unknown {
  return mapReferences(value, (reference) => reference.replace('#/$defs/', PLACE));
}

function rename({ named, entries }: Converted, renamed: ReadonlyMap<string, string>): Converted {
  const other = (reference: string): string => {
    const name = reference.slice(PLACE.length);
    return PLACE + (renamed.get(name) ?? name);
  };
  return {
    named: recordIn({ it: mapReferences(named, other) }, 'it'),
    entries: recordIn({ it: mapReferences(entries, other) }, 'it'),
  };
}

function mapReferences(value: unknown, map: (reference: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => mapReferences(item, map));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === '$ref' && typeof item === 'string' ? map(item) : mapReferences(item, map),
    ]),
  );
}
