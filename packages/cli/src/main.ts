#!/usr/bin/env node
import { homedir } from 'node:os';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };

// Said before anything is loaded that an older Node does not have.
const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(manifest.engines.node)?.map(Number) ?? [];
const [haveMajor = 0, haveMinor = 0] = process.versions.node.split('.').map(Number);
if (haveMajor < major || (haveMajor === major && haveMinor < minor)) {
  process.stderr.write(
    `✗ sidecar needs Node ${major}.${minor} or newer; this is Node ${process.versions.node}.\n` +
      '  Install a newer one, from https://nodejs.org or with a version manager.\n',
  );
  process.exit(1);
}

// Compiled code is kept between runs, in a folder of one's own: what the next command takes to start is mostly
// compiling. It must be on before anything else is imported.
const caches = process.env['XDG_CACHE_HOME'];
const cacheDir = caches?.startsWith('/') ? caches : join(homedir(), '.cache');
const { enableCompileCache } = await import('node:module');
enableCompileCache(process.env['NODE_COMPILE_CACHE'] ?? join(cacheDir, 'orchestration-sidecar', 'compiled'));

const { run } = await import('./command-line.ts');
process.exitCode = await run(process.argv.slice(2));
