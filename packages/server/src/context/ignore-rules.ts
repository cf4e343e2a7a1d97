import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';

/** File beside `.gitignore` that hides paths from agents only; same syntax, at any depth. */
export const SIDECAR_IGNORE = '.sidecarignore';

const MAX_RULE_BYTES = 1024 * 1024;

/** Rules of ignore files, each for the directory it lies in. */
export class IgnoreRules {
  readonly #rules: { readonly directory: string; readonly matches: (path: string) => boolean | undefined }[] = [];

  /** Adds the rules of a file, when it can be read. `directory` is relative to the root; empty is the root. */
  async add(root: string, directory: string, name: string): Promise<void> {
    const text = await readFile(join(root, directory, name), 'utf8').catch(() => '');
    if (text !== '' && text.length <= MAX_RULE_BYTES) this.addText(directory, text);
  }

  /** Adds rules as text. */
  addText(directory: string, text: string): void {
    const rules = ignore().add(text);
    this.#rules.push({
      directory: directory === '' ? '' : `${directory}/`,
      matches: (path) => {
        const verdict = rules.test(path);
        return verdict.ignored ? true : verdict.unignored ? false : undefined;
      },
    });
  }

  /** Whether nothing is ignored. */
  get empty(): boolean {
    return this.#rules.length === 0;
  }

  /** Whether a path is hidden; a directory ends with `/`. Deeper rules win over higher ones. */
  hides(path: string): boolean {
    let hidden = false;
    for (const { directory, matches } of this.#rules) {
      if (!path.startsWith(directory) || path.length === directory.length) continue;
      hidden = matches(path.slice(directory.length)) ?? hidden;
    }
    return hidden;
  }
}
