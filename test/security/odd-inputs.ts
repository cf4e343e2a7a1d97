import { procedures, type Procedure } from '@orchestration-sidecar/shared';
import fc from 'fast-check';
import { exampleMaker } from '../../packages/server/src/api/openapi/examples.ts';
import { contractSchemas } from '../../packages/server/src/api/openapi/schemas.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Values that have broken programs before, each of which some field takes. */
const ODD_VALUES: readonly unknown[] = [
  [null, true, false, 0, -1, 1, 0.5, -0, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324],
  ['', ' ', '\0', '\uD800', '\u202E', '\r\nx: y', '0', '-1', '1e9', 'NaN', 'null', 'true', '*', '%', '%00'],
  ['.', '..', '../../etc/passwd', '/etc/passwd', '..%2f..', 'C:\\x', '~', '$(id)', '`id`', "' OR 1=1 --", '{{x}}'],
  ['__proto__', 'constructor', 'toString', 'latest', 'field:value', 'a:!b|c*', '!', ':', ',', 'a1b2c3d4.99999999999'],
  ['9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-11-28T00:00:00+23:59'],
  ['x'.repeat(129), '𝕊'.repeat(5000), [], [[]], [null], {}, { '': '' }, { constructor: { prototype: 1 } }],
  [Array.from({ length: 1001 }, (_, n) => n), nested(70)],
].flat();

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: [nested(depth - 2)] };
}

const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...ODD_VALUES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.double() },
);

/** Something close to a value: what gets past a schema is found there. */
function near(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value === 'number')
    return fc.oneof(
      fc.integer({ min: -2, max: 2 }).map((by) => value + by),
      fc.nat(),
    );
  if (typeof value !== 'string') return fc.constant(value);
  return fc.oneof(
    fc.constantFrom(`${value}.`, `${value}-`, value.slice(0, 1), value.toUpperCase(), value + value, `${value}\n`),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,60}$/),
  );
}

/**
 * Inputs around a valid one: optional fields come and go, and a few values, however deep, become odd ones or ones close
 * to what they were.
 */
export function oddInputs(entry: Procedure, valid: Fields): fc.Arbitrary<Fields> {
  const examples = EXAMPLES.get(entry.name) ?? {};
  const optional = Object.keys(examples).filter((name) => !(name in valid));
  return fc
    .record({
      added: fc.subarray(optional),
      changes: fc.array(
        fc.record({
          at: fc.nat(),
          by: fc.oneof(
            anything.map(always),
            fc.infiniteStream(fc.nat()).map(() => near),
          ),
        }),
        { maxLength: 2 },
      ),
    })
    .chain(({ added, changes }) => {
      const whole = { ...valid, ...Object.fromEntries(added.map((name) => [name, examples[name]])) };
      return changes.reduce<fc.Arbitrary<Fields>>(
        (input, { at, by }) => input.chain((known) => changed(known, at, by)),
        fc.constant(whole),
      );
    });
}

type Change = (value: unknown) => fc.Arbitrary<unknown>;

const always =
  (odd: unknown): Change =>
  () =>
    fc.constant(odd);

function changed(input: Fields, at: number, by: Change): fc.Arbitrary<Fields> {
  const paths = [...pathsIn(input)];
  const path = paths[at % Math.max(1, paths.length)];
  if (path === undefined) return fc.constant(input);
  return by(valueAt(input, path)).map((value) => withValue(input, path, value));
}

type Path = readonly string[];

function* pathsIn(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    yield [...path, name];
    yield* pathsIn(inner, [...path, name]);
  }
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (holder, name) => new Map<string, unknown>(Object.entries(Object(holder))).get(name),
    value,
  );
}

function withValue<T>(holder: T, [name, ...rest]: Path, value: unknown): T {
  const copy = structuredClone(holder);
  if (name === undefined || typeof copy !== 'object' || copy === null) return copy;
  const inner = rest.length === 0 ? value : withValue(valueAt(copy, [name]), rest, value);
  Object.defineProperty(copy, name, { value: inner, enumerable: true, configurable: true, writable: true });
  return copy;
}

/** An example of every field, by the name of the procedure. */
const EXAMPLES: ReadonlyMap<string, Fields> = (() => {
  const schemas = contractSchemas(procedures);
  const maker = exampleMaker(schemas.components);
  return new Map(
    procedures.map((entry) => {
      const { properties = {} } = schemas.input(entry);
      const fields = Object.entries(Object(properties));
      return [entry.name, Object.fromEntries(fields.map(([name, schema]) => [name, maker.request(schema)]))];
    }),
  );
})();
