import { SidecarError } from '@orchestration-sidecar/shared';

/** Result codes of SQLite, extended ones included, that say that the disk or what is on it is at fault. */
const FAULTS = /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN|BUSY)/;

/**
 * What a fault of the disk is told as, to whoever reads or writes.
 * @returns {@link SidecarError} `STORAGE_UNAVAILABLE`; undefined when the cause is no fault of the disk.
 */
export function diskFault(cause: unknown): SidecarError | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const isFault = typeof code === 'string' && FAULTS.test(code);
  return isFault ? new SidecarError('STORAGE_UNAVAILABLE', undefined, { cause }) : undefined;
}
