import superjson from 'superjson';
import { z } from 'zod';
import { SidecarError } from '@orchestration-sidecar/shared';

const Wrapped = z.looseObject({ json: z.unknown(), meta: z.looseObject({ values: z.unknown() }).partial().optional() });

/**
 * Reads what a client’s superjson transformer made of an input; none stays undefined. Only the annotations of values
 * count: shared references would let a small request unfold into a huge one.
 * @throws {SidecarError} `INPUT_INVALID` for anything that is not wrapped.
 */
export function readWireInput(raw: unknown): unknown {
  if (raw === undefined || raw === null) return undefined;
  const wrapped = Wrapped.safeParse(raw);
  if (!wrapped.success || !Object.hasOwn(wrapped.data, 'json')) {
    throw new SidecarError('INPUT_INVALID', 'request: expected superjson, `{"json": …}`');
  }
  const { json, meta } = wrapped.data;
  if (meta?.values === undefined) return json;
  mustBeKnown(meta.values);
  try {
    return superjson.deserialize(
      z.custom<Parameters<typeof superjson.deserialize>[0]>().parse({ json, meta: { values: meta.values } }),
    );
  } catch (cause) {
    throw new SidecarError('INPUT_INVALID', 'request: the superjson annotations cannot be read', { cause });
  }
}

/**
 * Inputs of this contract are JSON, so all a client has to annotate is what it left undefined. Every other type (regular
 * expressions, classes, maps …) would be made here from what strangers sent.
 * @throws {SidecarError} `INPUT_INVALID`.
 */
function mustBeKnown(annotations: unknown): void {
  const pending: unknown[] = [annotations];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    // A leaf is `[type]`; anything else in brackets is a type with something inside.
    if (Array.isArray(next)) {
      if (next.length === 1 && next[0] === 'undefined') continue;
      throw new SidecarError('INPUT_INVALID', 'request: of superjson’s types only undefined is taken');
    }
    if (typeof next === 'object' && next !== null)
      for (const inner of Object.values<unknown>({ ...next })) pending.push(inner);
  }
}
