import { listProcesses } from '../../process/index.ts';
import type { StoreExamination } from '../../storage/store-examination.ts';
import { fault, ok, unknown, warning, type DoctorFinding } from './finding.ts';

/** How far the clocks of machine and store may be apart. */
const MAX_SKEW_MS = 5 * 60_000;
const RESTORE = 'Restore a backup: `sidecar backup list`, then `sidecar restore <backup>`; what is there now is kept.';

/**
 * Whether the store is whole, of a version that this one can open, and not of the future.
 * @param store undefined: there is none.
 * @param isGone whether there should be one.
 */
export function* lookAtStore(
  store: StoreExamination | undefined,
  { isGone, nowMs }: { readonly isGone: boolean; readonly nowMs: number },
): Generator<DoctorFinding, void, void> {
  if (isGone) yield fault('store', 'gone or empty, although the directory was used before', RESTORE);
  else if (!store) yield ok('store', 'there is none yet; the first start makes it');
  else if (!store.opens) yield unknown('store', 'it cannot be opened by you here');
  else if (store.faults.length > 0 || store.schema === null) {
    yield fault('store', `damaged: ${store.faults[0] ?? 'it cannot be read'}`, RESTORE);
  } else {
    const size = `${(store.bytes / 1e6).toFixed(1)} MB`;
    yield store.loss === null
      ? ok('store', `whole, ${size}`)
      : warning('store', `whole, ${size}, but ${store.loss}`, 'Start it to go on from there, or restore a backup.');
    yield lookAtSchema(store.schema);
    const { newestEventMs } = store;
    if (newestEventMs !== null && newestEventMs > nowMs + MAX_SKEW_MS) {
      const seen = `the newest event is of ${new Date(newestEventMs).toISOString()}, in the future`;
      yield warning('clock and store', seen, 'Check whether the clock is right.');
    }
  }
}

function lookAtSchema({ applied, shipped }: NonNullable<StoreExamination['schema']>): DoctorFinding {
  if (applied > shipped)
    return fault('schema', `${applied}, this version knows ${shipped}`, 'Use the newer version that wrote it.');
  if (applied < shipped) return ok('schema', `${applied}; the next start brings it to ${shipped} and keeps a copy`);
  return ok('schema', `${applied}, up to date`);
}

/** Processes that outlived their agents. */
export async function lookAtOrphans(store: StoreExamination | undefined): Promise<DoctorFinding> {
  const ended = new Set(store?.endedAgents);
  if (ended.size === 0) return ok('orphans', 'none');
  const orphans = (await listProcesses()).flatMap((row) => {
    const marker = row.marker();
    return marker !== undefined && ended.has(marker) ? [`${row.pid} (${marker})`] : [];
  });
  return orphans.length === 0
    ? ok('orphans', 'none')
    : warning('orphans', `processes of ended agents: ${orphans.join(', ')}`, 'Kill them when they are not wanted.');
}
