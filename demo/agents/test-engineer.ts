// The test engineer: runs the tests of the change itself and publishes what they say.
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { runTests } from './run-tests.ts';
import { working } from './working.ts';

const client = createSidecarClient();
const agent = client.agent();
const { context } = await agent.context();
const test = context.project_structure.files.find((path) => path.endsWith('slugify.test.mjs'));
if (test === undefined) throw new Error('there is nothing to test');

working(`runs ${test}`);
const { passed, count, report } = runTests(test);
await agent.publish(passed ? 'tests_passing' : 'tests_failing', { tests: count });
await agent.result({
  status: passed ? 'success' : 'failure',
  summary: `${count} tests ${passed ? 'pass' : 'do not all pass'}.`,
  metrics: { tests_run: count },
  artifacts: { test_report: report },
});
client.close();
