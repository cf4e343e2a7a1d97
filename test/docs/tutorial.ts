import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureBundled } from '../../scripts/bundle.mjs';
import type { Sandbox } from '../cli/sandbox.ts';

/** The bash blocks of a page in `docs/`, in their order. */
export function bashBlocks(page: string): string[] {
  return blocksOf(readFileSync(resolve(import.meta.dirname, '../../docs', page), 'utf8'), 'bash');
}

/** The code blocks of a language in a Markdown text, in their order. */
export function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code = '']) => code);
}

/** Somebody who types a tutorial into a shell, in the repository of a sandbox, with `sidecar` in the PATH. */
export class Reader {
  readonly #sandbox: Sandbox;
  readonly #bin: string;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#bin = join(sandbox.directory, 'bin');
    mkdirSync(this.#bin);
    const sidecar = join(this.#bin, 'sidecar');
    writeFileSync(sidecar, `#!/bin/sh\nexec '${process.execPath}' '${ensureBundled(process.execPath)}' "$@"\n`);
    chmodSync(sidecar, 0o755);
  }

  /** Types a script; answers what it printed, and throws when a command of it fails. */
  type(script: string): string {
    const { repository, directory, dataDir } = this.#sandbox;
    return execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: repository,
      env: { PATH: `${this.#bin}:${process.env['PATH']}`, HOME: directory, SIDECAR_DATA_DIR: dataDir },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
}
