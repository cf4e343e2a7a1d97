import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Workflow, type Launcher } from '@orchestration-sidecar/shared';

const agents = resolve(import.meta.dirname, 'agents');
const bash = (name: string): Launcher => ({ kind: 'script', program: join(agents, `${name}.sh`), args: [] });
const node = (name: string): Launcher => ({
  kind: 'command',
  program: process.execPath,
  args: ['--conditions=@orchestration-sidecar/source', join(agents, `${name}.ts`)],
});

/** What the demo’s coding agent writes its tests into. */
const TESTS = 'slug/slugify.test.mjs';

/** Who starts what in the demo: programs of ours in the place of language-model agents. */
const LAUNCHERS: Readonly<Record<string, Launcher>> = {
  'chief-architect': bash('chief-architect'),
  'documentation-expert': bash('documentation-expert'),
  'typescript-pro': node('typescript-pro'),
  'test-engineer': node('test-engineer'),
  'security-auditor': node('security-auditor'),
  'code-reviewer': node('code-reviewer'),
};

/**
 * The workflow that comes with the sidecar, held to the tests that the demo’s agents write: those of the whole project
 * could take any time.
 */
function checkedWorkflow(): Workflow {
  const shipped = resolve(import.meta.dirname, '../profiles/workflows/issue-resolution.json');
  const workflow = Workflow.parse(JSON.parse(readFileSync(shipped, 'utf8')));
  const check = { name: 'tests of slugify', command: [process.execPath, '--test', TESTS], timeout_seconds: 60 };
  return {
    ...workflow,
    phases: workflow.phases.map((phase) => (phase.checks === 'project' ? { ...phase, checks: [check] } : phase)),
  };
}

/** Writes profiles that extend the built-in ones by nothing but their launcher; answers their folder. */
export function writeProfiles(workDirectory: string): string {
  const directory = join(workDirectory, 'profiles');
  mkdirSync(join(directory, 'agents'), { recursive: true });
  for (const [agentType, launcher] of Object.entries(LAUNCHERS)) {
    const profile = JSON.stringify({ agent_type: agentType, launcher }, null, 2);
    writeFileSync(join(directory, 'agents', `${agentType}.json`), `${profile}\n`);
  }
  mkdirSync(join(directory, 'workflows'));
  writeFileSync(join(directory, 'workflows', 'issue-resolution.json'), JSON.stringify(checkedWorkflow(), null, 2));
  return directory;
}
