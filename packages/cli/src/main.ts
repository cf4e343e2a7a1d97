#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Compiled code is kept between runs, in a folder of one's own: what the next command takes to start is mostly
// compiling. It must be on before anything else is imported.
const caches = process.env['XDG_CACHE_HOME'];
const cacheDir = caches?.startsWith('/') ? caches : join(homedir(), '.cache');
enableCompileCache(process.env['NODE_COMPILE_CACHE'] ?? join(cacheDir, 'orchestration-sidecar', 'compiled'));

const { run } = await import('./command-line.ts');
process.exitCode = await run(process.argv.slice(2));
