import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  futimesSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** A file of secrets that others than its owner could have read or written, in words for the operator. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
}

/** A secret as its file holds it. */
export interface Secret {
  readonly content: Buffer;
  /** When it was written, as its writer’s clock said. */
  readonly writtenAtMs: number;
}

const OTHERS = 0o077;

/**
 * Reads a file of secrets; undefined when there is none. What is checked is the file that was opened, so nobody can
 * put another in its place in between.
 * @throws {SecretFileError} when it is a link, is not the user’s own, or others may read or write it.
 */
export function readSecretFile(path: string): Secret | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw new SecretFileError(`${path} is a link; a secret must be a file of its own.`);
    throw cause;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new SecretFileError(`${path} is not a file.`);
    if (stats.uid !== process.geteuid?.()) throw new SecretFileError(`${path} belongs to another user.`);
    if ((stats.mode & OTHERS) !== 0) {
      throw new SecretFileError(
        `Others may read or write ${path}, so it is no secret any more. Remove it to have a new one made, or ` +
          `\`chmod 600\` it when nobody has seen it.`,
      );
    }
    return { content: readFileSync(file), writtenAtMs: stats.mtimeMs };
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a secret that must not exist yet, mode 0600 from its first moment. It appears whole or not at all; whoever
 * comes second keeps the first one’s.
 * @returns whether it is this one that is there now.
 */
export function createSecretFile(path: string, content: string | Buffer, nowMs: number): boolean {
  return placing(path, content, nowMs, (temporary) => {
    try {
      linkSync(temporary, path);
      return true;
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
      throw cause;
    } finally {
      rmSync(temporary, { force: true });
    }
  });
}

/** Writes a secret in the place of the one before, mode 0600 from its first moment. */
export function replaceSecretFile(path: string, content: string | Buffer, nowMs: number): void {
  placing(path, content, nowMs, (temporary) => renameSync(temporary, path));
}

function placing<T>(path: string, content: string | Buffer, nowMs: number, place: (temporary: string) => T): T {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      writeFileSync(file, content);
      futimesSync(file, nowMs / 1000, nowMs / 1000);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const placed = place(temporary);
    syncDirectory(dirname(path));
    return placed;
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
}

/** Makes a name in a directory last. */
function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
