import { SidecarError } from '@orchestration-sidecar/shared';

/**
 * Reads JSON that this store wrote from a checked value. The one place where the type is taken on trust: checking it
 * again would only cost, and what another program wrote into the store’s file is not guarded against.
 * @throws {SidecarError} `STORAGE_UNAVAILABLE` when it is no JSON any more: the page it lies on was damaged.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names what it stored
export function readStored<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new SidecarError('STORAGE_UNAVAILABLE', 'What is stored cannot be read: the store is damaged.', { cause });
  }
}
