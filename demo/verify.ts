import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoredResult } from '@orchestration-sidecar/shared';
import type { Contract, OutputOf, SidecarClient } from '@orchestration-sidecar/sdk';
import { runTests } from './agents/run-tests.ts';

type Result = OutputOf<Contract['results']['get']>;

/** One thing that must hold for the demo to have worked. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
}

/** What the demo leaves behind. */
export interface Outcome {
  readonly client: SidecarClient;
  readonly issueId: string;
  readonly project: string;
  readonly dataDir: string;
}

/** Where the newest result of an agent type is mirrored. */
export function mirrorOf({ dataDir }: Pick<Outcome, 'dataDir'>, result: Result): string {
  return join(dataDir, 'results', result.project_id, result.issue_id, `${result.agent_type}.json`);
}

/** Looks at everything once more from outside; the demo’s exit code is made of this. */
export async function verify(outcome: Outcome): Promise<Check[]> {
  const { client, issueId, project, dataDir } = outcome;
  const { status } = await client.issues.get({ issue_id: issueId });
  const { results } = await client.results.list({ issue_id: issueId });
  const { agents } = await client.agents.list({ issue_id: issueId });
  const coders = agents.filter((agent) => agent.agent_type === 'typescript-pro');
  const verified = coders.length > 0 && coders.every(({ outcome: claim }) => claim === 'verified');
  const rounds = results.filter((result) => result.agent_type === 'typescript-pro').length;
  const newest = new Map(results.toReversed().map((result) => [result.agent_type, result]));
  const mirrored = [...newest.values()].every((result) => {
    const path = mirrorOf({ dataDir }, result);
    return existsSync(path) && StoredResult.parse(JSON.parse(readFileSync(path, 'utf8'))).id === result.id;
  });
  const tests = existsSync(join(project, 'slug/slugify.test.mjs'))
    ? runTests('slug/slugify.test.mjs', project)
    : { passed: false, count: 0 };
  return [
    { what: 'the issue is resolved', holds: status === 'resolved' },
    {
      what: `every one of ${agents.length} agents ended well`,
      holds: agents.length >= 8 && agents.every(({ state }) => state === 'exited'),
    },
    { what: `a finding went back to the coding agent (${rounds} rounds)`, holds: rounds === 2 },
    { what: `${tests.count} tests pass in the project`, holds: tests.passed && tests.count >= 4 },
    { what: `checks of the sidecar’s own verified the coding agent’s work`, holds: verified },
    { what: 'every newest result is mirrored on disk', holds: newest.size >= 6 && mirrored },
  ];
}
