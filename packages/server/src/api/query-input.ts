import { z } from 'zod';
import type { Procedure } from '@orchestration-sidecar/shared';

/** How the text of a query parameter becomes the value that its field wants. */
type Reader = (text: string) => unknown;

const asNumber: Reader = (text) => (/^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : text);
const asBoolean: Reader = (text) =>
  text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
const asText: Reader = (text) => text;

/**
 * Prepares the reading of an entry’s query string. Coercion is this door’s business and not the schemas’: a number
 * over tRPC must be a number. What cannot be coerced is passed on as text, for the schema to refuse.
 */
export function queryReader(entry: Procedure): (query: Readonly<Record<string, unknown>>) => Record<string, unknown> {
  const readers = readersOf(entry.input);
  const names = new Map(
    Object.entries(entry.rest.aliases ?? {}).flatMap(([field, others]) =>
      others.map((other) => [other, field] as const),
    ),
  );
  return (query) => {
    const entries = Object.entries(query);
    if (entries.length === 0) return {};
    // From entries: an assignment to `__proto__` would change what the input is instead of being refused.
    return Object.fromEntries(
      entries.map(([sent, value]) => {
        const field = readers.has(sent) ? sent : (names.get(sent) ?? sent);
        return [field, typeof value === 'string' ? (readers.get(field) ?? asText)(value) : value];
      }),
    );
  };
}

function readersOf(input: z.ZodType): ReadonlyMap<string, Reader> {
  if (!(input instanceof z.ZodObject)) return new Map();
  const shape: Record<string, unknown> = input.shape;
  return new Map(Object.entries(shape).map(([field, schema]) => [field, readerOf(schema)]));
}

function readerOf(schema: unknown): Reader {
  if (schema instanceof z.ZodNumber) return asNumber;
  if (schema instanceof z.ZodBoolean) return asBoolean;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return readerOf(schema.unwrap());
  }
  return asText;
}
