import { expect, test } from 'vitest';
import { z } from 'zod';
import { contract, procedures } from './contract.ts';

const maxItems = (schema: z.ZodArray): number | undefined =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).maxItems;

/** Places in a schema where a sender decides alone how much it sends. Of loose objects, the fields that are named. */
function unbounded(schema: unknown, at: string): string[] {
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, unknown>> = schema.shape;
    return Object.entries(shape).flatMap(([name, field]) => unbounded(field, `${at}.${name}`));
  }
  if (schema instanceof z.ZodArray) {
    return [...(maxItems(schema) === undefined ? [`${at}: array`] : []), ...unbounded(schema.element, `${at}[]`)];
  }
  if (schema instanceof z.ZodRecord) {
    const { keyType, valueType } = schema;
    return [
      ...(schema.meta()?.['maxProperties'] === undefined ? [`${at}: record`] : []),
      ...unbounded(keyType, `${at} key`),
      ...unbounded(valueType, `${at}{}`),
    ];
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unbounded(option, at));
  if (schema instanceof z.ZodPipe) return unbounded(schema.in, at);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return unbounded(schema.unwrap(), at);
  }
  if (schema instanceof z.ZodString || schema instanceof z.ZodStringFormat) {
    return schema.maxLength === null ? [`${at}: string`] : [];
  }
  if (schema instanceof z.ZodNumber) return schema.maxValue === null ? [`${at}: number`] : [];
  // `JsonRecord` alone: as deep as a body may be, and as large.
  if (schema instanceof z.ZodCustom) return [];
  if (schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral || schema instanceof z.ZodBoolean) return [];
  return [`${at}: a kind of schema that this test does not know`];
}

test('every text, list and map that a caller sends has a largest size', () => {
  expect(procedures.flatMap(({ name, input }) => unbounded(input, name))).toEqual([]);
});

test('a map with an entry too many, a time of endless digits and a position of endless digits are refused', () => {
  const environment = (names: number) => Object.fromEntries(Array.from({ length: names }, (_, n) => [`N${n}`, '']));
  const spawn = { agent_type: 'python-specialist', issue_id: 'issue-1', task: 'Try' };
  const fits = (names: number): boolean =>
    contract.agents.spawn.input.safeParse({ ...spawn, environment: environment(names) }).success;
  expect([fits(256), fits(257)]).toEqual([true, false]);
  const { input } = contract.events.list;
  const time = (digits: number): string => `2026-11-28T09:30:00.${'0'.repeat(digits)}Z`;
  expect([input.safeParse({ since: time(9) }).success, input.safeParse({ since: time(90) }).success]).toEqual([
    true,
    false,
  ]);
  const faults = input.safeParse({ since: time(100_000), until: `a1b2c3d4.${'1'.repeat(100_000)}` }).error?.issues;
  expect(faults?.map(({ path }) => path.join('.'))).toEqual(expect.arrayContaining(['since', 'until']));
});
