/**
 * Reads JSON that this store wrote from a checked value. The one place where the type is taken on trust: checking it
 * again would only cost, and what another program wrote into the store’s file is not guarded against.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names what it stored
export function readStored<T>(text: string): T {
  return JSON.parse(text) as T;
}
