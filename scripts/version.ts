import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { procedures } from '@orchestration-sidecar/shared';
import { CHANGELOG, changelog } from './changelog.ts';
import { root } from './places.mjs';

// Makes a version of what the changesets say. With them go the breaks that they declare, so the interface that later
// changes are compared with is written anew in the same step.
const run = (program: string, ...args: string[]): Buffer =>
  execFileSync(process.execPath, [join(root, 'node_modules', program), ...args], { cwd: root, stdio: 'inherit' });
run('@changesets/cli/bin.js', 'version');
// Not before: the server reads its version when it is loaded.
const { createOpenApi } = await import('../packages/server/src/api/openapi/index.ts');
const { VERSION } = await import('../packages/server/src/runtime/version.ts');
const document = JSON.stringify(createOpenApi(procedures, VERSION), null, 2);
writeFileSync(join(root, 'docs/openapi.json'), `${document}\n`);
writeFileSync(join(root, CHANGELOG), await changelog());
run('oxfmt/bin/oxfmt');
