// The reviewer of the whole: everything that was promised has to be there.
import { existsSync } from 'node:fs';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { runTests } from './run-tests.ts';
import { working } from './working.ts';

const client = createSidecarClient();
const agent = client.agent();
const { context } = await agent.context();
working('reads the whole change');
const files = ['slug/slugify.mjs', 'slug/slugify.test.mjs', 'slug/README.md'];
const missing = files.filter((path) => !existsSync(path));
const { passed, count } = runTests('slug/slugify.test.mjs');
const reporters = new Set(context.previous_agent_outputs.map((output) => output.agent));
await agent.result({
  status: missing.length === 0 && passed ? 'success' : 'failure',
  summary: `${files.length - missing.length} of ${files.length} files are there, ${count} tests ${passed ? 'pass' : 'fail'}, ${reporters.size} agent types reported.`,
  errors: missing.map((path) => `${path} is missing`),
});
client.close();
