// The security auditor: looks for input without a bound in the files it is shown, and reports it as a finding.
import { readFileSync } from 'node:fs';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { working } from './working.ts';

const client = createSidecarClient();
const agent = client.agent();
await agent.context();
working('audits slug/slugify.mjs');
const code = readFileSync('slug/slugify.mjs', 'utf8');
const bounded = /\.length > MAX_CHARS/.test(code);
const finding = {
  id: 'unbounded-input',
  message: 'slugify takes text of any length: a caller can make it work for seconds. Bound it.',
  severity: 'medium' as const,
  path: 'slug/slugify.mjs',
  suggested_agent: 'typescript-pro',
};
if (!bounded) await agent.publish('review_requested', { findings: [finding], severity: 'medium' }, { round: 1 });
await agent.result({
  status: 'success',
  summary: bounded ? 'No open finding.' : 'One finding: the input has no bound.',
  findings: bounded ? [] : [finding],
});
client.close();
