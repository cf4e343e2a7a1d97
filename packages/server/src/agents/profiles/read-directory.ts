import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Largest profile or workflow file that is read. */
const MAX_FILE_BYTES = 1024 * 1024;

/** One JSON file of a profiles directory, as text or with the reason why it could not be read. */
export interface DefinitionFile {
  readonly file: string;
  readonly holds: 'profile' | 'workflow';
  readonly text: string | Error;
}

/** Where definitions lie inside a profiles directory. Profiles may also lie flat in the directory itself. */
const PLACES = [
  { folder: 'agents', holds: 'profile' },
  { folder: '', holds: 'profile' },
  { folder: 'workflows', holds: 'workflow' },
] as const;

/** Folders of a profiles directory that hold definitions. */
export const DEFINITION_FOLDERS: readonly string[] = PLACES.map(({ folder }) => folder);

/**
 * Reads every `agents/*.json`, `*.json` and `workflows/*.json` of a profiles directory, each folder in the order of
 * its names. A folder that does not exist holds nothing; whatever cannot be read is answered as an `Error`.
 */
export function readDirectory(directory: string): DefinitionFile[] {
  return PLACES.flatMap(({ folder, holds }) => {
    const path = join(directory, folder);
    const names = listJson(path);
    if (names instanceof Error) return [{ file: path, holds, text: names }];
    return names.map((name) => {
      const file = join(path, name);
      return { file, holds, text: readText(file) };
    });
  });
}

function listJson(path: string): string[] | Error {
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .toSorted();
  } catch (cause) {
    return isMissing(cause) ? [] : asError(cause);
  }
}

function readText(file: string): string | Error {
  try {
    // A named pipe or a device behind a link would block the process, or never end.
    const stat = statSync(file);
    if (!stat.isFile()) return new Error('is not a file');
    if (stat.size > MAX_FILE_BYTES) return new Error(`is larger than ${MAX_FILE_BYTES} bytes`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    return asError(cause);
  }
}

function isMissing(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
