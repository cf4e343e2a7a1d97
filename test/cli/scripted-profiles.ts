import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SCRIPT = join(import.meta.dirname, 'scripted-agent.sh');

/** Agents for tests: processes that do nothing until they are let go, and a workflow that they run. */
export class ScriptedProfiles {
  /** What `serve --profiles` takes. */
  readonly directory: string;
  readonly #gate: string;

  /** @param statuses - What each agent type hands in when it is let go. */
  constructor(parent: string, statuses: Readonly<Record<string, 'success' | 'failure' | 'blocked'>>) {
    this.directory = join(parent, 'profiles');
    this.#gate = join(parent, 'gate');
    for (const folder of [join(this.directory, 'agents'), join(this.directory, 'workflows'), this.#gate]) {
      mkdirSync(folder, { recursive: true });
    }
    for (const [agentType, status] of Object.entries(statuses)) {
      const launcher = { kind: 'command', program: 'bash', args: [SCRIPT, this.#gate, status] };
      this.#write('agents', agentType, { launcher });
    }
  }

  /** Adds a workflow: phases in their order, each with the agent types that run in it. */
  addWorkflow(
    name: string,
    phases: Readonly<Record<string, readonly string[]>>,
    waitFor: Readonly<Record<string, string>> = {},
  ): void {
    this.#write('workflows', name, {
      name,
      description: 'For tests.',
      phases: Object.entries(phases).map(([phase, agents]) => ({
        name: phase,
        run: { by: 'agents', agents },
        task: 'Do your part.',
        ...(waitFor[phase] !== undefined && { wait_for: [{ event_type: waitFor[phase] }] }),
      })),
      limits: { max_spawns: 20, max_wall_seconds: 600 },
    });
  }

  /** Lets agents of a type finish. */
  letGo(...agentTypes: string[]): void {
    for (const agentType of agentTypes) writeFileSync(join(this.#gate, agentType), '');
  }

  #write(folder: string, name: string, value: object): void {
    writeFileSync(join(this.directory, folder, `${name}.json`), JSON.stringify(value));
  }
}
