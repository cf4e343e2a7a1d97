// oxlint-disable-next-line typescript/no-explicit-any -- documents are read as they come
type Json = any;

/**
 * What a client of an older document would trip over under a newer one, one line each: operations, fields and values
 * that are gone, things that have become required of callers or are no longer promised to them. What is merely new is
 * none: answers may gain fields (DECISIONS 25).
 */
export function breakingChanges(older: Json, newer: Json): string[] {
  const changes: string[] = [];
  for (const [path, item] of Object.entries<Json>(older.paths)) {
    for (const [method, operation] of Object.entries<Json>(item)) {
      const name = `${method.toUpperCase()} ${path}`;
      const now = newer.paths[path]?.[method];
      if (now === undefined) {
        changes.push(`${name}: removed`);
        continue;
      }
      const sides = { older: new Side(older), newer: new Side(newer) };
      const found = [
        ...parameterChanges(operation, now, sides),
        ...bodyChanges(operation, now, sides),
        ...answerChanges(operation, now, sides),
        ...(isOpen(operation) && !isOpen(now) ? ['needs a token now'] : []),
      ];
      changes.push(...found.map((change) => `${name} ${change}`));
    }
  }
  return [...new Set(changes)];
}

interface Sides {
  readonly older: Side;
  readonly newer: Side;
}

/** A document, and what its references mean. */
class Side {
  readonly #document: Json;

  constructor(document: Json) {
    this.#document = document;
  }

  resolve(node: Json): Json {
    if (typeof node?.$ref !== 'string') return node ?? {};
    const { $ref: reference, ...own } = node;
    const found = reference
      .slice(2)
      .split('/')
      .reduce((at: Json, step: string) => at?.[step], this.#document);
    return { ...this.resolve(found), ...own };
  }
}

const isOpen = (operation: Json): boolean => operation.security?.length === 0;

function parameterChanges(operation: Json, now: Json, { older, newer }: Sides): string[] {
  const named = (side: Side, of: Json): Map<string, Json> =>
    new Map(
      (of.parameters ?? [])
        .map((each: Json) => side.resolve(each))
        .map((each: Json) => [`${each.in} ${each.name}`, each]),
    );
  const [before, after] = [named(older, operation), named(newer, now)];
  const changes = [...before].flatMap(([name, parameter]) => {
    const other = after.get(name);
    if (other === undefined) return [`${name}: removed`];
    return [
      ...(other.required && !parameter.required ? [`${name}: required now`] : []),
      ...takenChanges(parameter.schema, other.schema, name, { older, newer }),
    ];
  });
  const demanded = [...after].filter(([name, each]) => each.required && !before.has(name));
  return [...changes, ...demanded.map(([name]) => `${name}: required now`)];
}

function bodyChanges(operation: Json, now: Json, sides: Sides): string[] {
  const schemaOf = (of: Json): Json => of.requestBody?.content?.['application/json']?.schema;
  const before = schemaOf(operation);
  if (before === undefined) return now.requestBody?.required ? ['body: required now'] : [];
  return schemaOf(now) === undefined ? ['body: removed'] : takenChanges(before, schemaOf(now), 'body', sides);
}

function answerChanges(operation: Json, now: Json, { older, newer }: Sides): string[] {
  return Object.entries<Json>(operation.responses)
    .filter(([status]) => status.startsWith('2'))
    .flatMap(([status, response]) => {
      const other = now.responses[status];
      if (other === undefined) return [`answer ${status}: removed`];
      const after = newer.resolve(other).content ?? {};
      return Object.entries<Json>(older.resolve(response).content ?? {}).flatMap(([mediaType, content]) => {
        if (after[mediaType] === undefined) return [`answer ${mediaType}: removed`];
        const [schema, changed] = [content.schema, after[mediaType].schema].map(
          (each) => each['x-item-schema'] ?? each,
        );
        return givenChanges(schema, changed, 'answer', { older, newer });
      });
    });
}

/** What callers send: it may only be widened. */
function takenChanges(before: Json, after: Json, place: string, sides: Sides, depth = 0): string[] {
  const [old, now] = [sides.older.resolve(before), sides.newer.resolve(after)];
  if (depth > MAX_DEPTH) return [];
  const required = new Set<string>(old.required ?? []);
  return [
    ...typeChanges(old, now, place),
    ...(now.enum
      ? (old.enum ?? [undefined])
          .filter((each: Json) => !now.enum.includes(each))
          .map((each: Json) => `${place}: ${each === undefined ? 'any value' : JSON.stringify(each)} no longer taken`)
      : []),
    ...BOUNDS.filter(
      ([name, tighter]) => now[name] !== undefined && (old[name] === undefined || tighter(now[name], old[name])),
    ).map(([name]) => `${place}: ${name} is tighter`),
    ...(now.required ?? [])
      .filter((name: string) => !required.has(name))
      .map((name: string) => `${place}.${name}: required now`),
    ...Object.entries<Json>(old.properties ?? {}).flatMap(([name, field]) =>
      now.properties?.[name] === undefined
        ? now.additionalProperties === false
          ? [`${place}.${name}: removed`]
          : []
        : takenChanges(field, now.properties[name], `${place}.${name}`, sides, depth + 1),
    ),
    ...(old.items && now.items ? takenChanges(old.items, now.items, `${place}[]`, sides, depth + 1) : []),
  ];
}

/** What callers get: it may only be narrowed, or gain fields. */
function givenChanges(before: Json, after: Json, place: string, sides: Sides, depth = 0): string[] {
  const [old, now] = [sides.older.resolve(before), sides.newer.resolve(after)];
  if (depth > MAX_DEPTH) return [];
  const required = new Set<string>(now.required ?? []);
  return [
    ...typeChanges(now, old, place),
    ...(old.required ?? [])
      .filter((name: string) => !required.has(name))
      .map((name: string) => `${place}.${name}: no longer promised`),
    ...Object.entries<Json>(old.properties ?? {}).flatMap(([name, field]) =>
      now.properties?.[name] === undefined
        ? [`${place}.${name}: removed`]
        : givenChanges(field, now.properties[name], `${place}.${name}`, sides, depth + 1),
    ),
    ...(old.items && now.items ? givenChanges(old.items, now.items, `${place}[]`, sides, depth + 1) : []),
  ];
}

/** Types that the wider side must allow and does not. */
function typeChanges(narrow: Json, wide: Json, place: string): string[] {
  const [asked, allowed] = [typesOf(narrow), typesOf(wide)];
  if (asked === undefined || allowed === undefined) return [];
  const missing = asked.filter(
    (type) => !allowed.includes(type) && !(type === 'integer' && allowed.includes('number')),
  );
  return missing.map((type) => `${place}: ${type} is no longer what it is`);
}

function typesOf(schema: Json): string[] | undefined {
  if (schema.type !== undefined) return [schema.type].flat();
  const choices = schema.anyOf ?? schema.oneOf;
  const types = choices?.map((each: Json) => each.type);
  return types?.every((type: unknown) => typeof type === 'string') ? types : undefined;
}

const MAX_DEPTH = 12;
const BOUNDS: readonly (readonly [string, (now: Json, old: Json) => boolean])[] = [
  ['minimum', (now, old) => now > old],
  ['minLength', (now, old) => now > old],
  ['minItems', (now, old) => now > old],
  ['maximum', (now, old) => now < old],
  ['maxLength', (now, old) => now < old],
  ['maxItems', (now, old) => now < old],
  ['pattern', (now, old) => now !== old],
];
