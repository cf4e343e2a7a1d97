import Sqlite from 'better-sqlite3';

/**
 * Faults that SQLite finds in a file, at most ten; none: it is whole. Reads every page.
 * @param path a database file; it is opened read-only.
 */
export function integrityFaults(path: string): string[] {
  let driver: Sqlite.Database | undefined;
  try {
    driver = new Sqlite(path, { readonly: true });
    const faults = driver.prepare<[], string>('pragma integrity_check(10)').pluck().all();
    return faults.length === 1 && faults[0] === 'ok' ? [] : faults;
  } catch (cause) {
    return [cause instanceof Error ? cause.message : String(cause)];
  } finally {
    driver?.close();
  }
}
