import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { procedures } from '@orchestration-sidecar/shared';
import { createOpenApi } from '../packages/server/src/api/openapi/index.ts';
import { root } from './places.mjs';

// Makes a version of what the changesets say. With them go the breaks that they declare, so the interface that later
// changes are compared with is written anew in the same step.
const OPENAPI = 'docs/openapi.json';
execFileSync(process.execPath, [join(root, 'node_modules/@changesets/cli/bin.js'), 'version'], { stdio: 'inherit' });
writeFileSync(join(root, OPENAPI), `${JSON.stringify(createOpenApi(procedures, '0.0.0'), null, 2)}\n`);
execFileSync(process.execPath, [join(root, 'node_modules/oxfmt/bin/oxfmt')], { cwd: root, stdio: 'inherit' });
