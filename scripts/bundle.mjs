import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bundleStamp } from './bundle-stamp.mjs';
import { root } from './places.mjs';
import { say } from './say.mjs';

/** Beside the server’s own dependencies, which the bundle loads what it cannot hold from. */
const directory = join(root, 'packages/server/dist/run');
/** Bundles that are kept: a sidecar that runs from an older one may still have to load a part of it. */
const KEPT = 3;

/**
 * The bundled `sidecar` command, made anew when the sources have changed. It starts several times faster than the
 * source. Named after the sources’ state and moved into place whole, so that two at once cannot disturb each other.
 * @param {string} node program to bundle with
 * @returns {string} its main file
 */
export function ensureBundled(node) {
  const place = join(directory, bundleStamp());
  const main = join(place, 'main.js');
  if (existsSync(main)) return main;
  say('bundling the sources');
  const { status } = spawnSync(node, [join(root, 'scripts/build-bundle.mjs'), place], { stdio: ['ignore', 2, 2] });
  if (status !== 0 || !existsSync(main)) throw new Error('the sources could not be bundled');
  forgetOlder();
  return main;
}

function forgetOlder() {
  const byAge = readdirSync(directory)
    .map((name) => ({ path: join(directory, name), atMs: statSync(join(directory, name)).mtimeMs }))
    .toSorted((a, b) => b.atMs - a.atMs);
  for (const { path } of byAge.slice(KEPT)) rmSync(path, { recursive: true, force: true });
}
