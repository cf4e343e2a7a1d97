import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Where the person stood who ran `npm run <script>`: npm itself moves to the package's root first.
 * @param {string} script
 */
export function callerDirectory(script) {
  const here = process.cwd();
  const movedByNpm = process.env['npm_lifecycle_event'] === script && here === root;
  return movedByNpm ? (process.env['INIT_CWD'] ?? here) : here;
}
