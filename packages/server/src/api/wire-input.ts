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
  try {
    return superjson.deserialize(
      z.custom<Parameters<typeof superjson.deserialize>[0]>().parse({ json, meta: { values: meta.values } }),
    );
  } catch (cause) {
    throw new SidecarError('INPUT_INVALID', 'request: the superjson annotations cannot be read', { cause });
  }
}
