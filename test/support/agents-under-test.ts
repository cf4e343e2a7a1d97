import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Answer, SidecarUnderTest } from './sidecar-under-test.ts';

/** What tests need of a sidecar to spawn agents. */
type Reachable = Pick<SidecarUnderTest, 'project' | 'call'>;

/** An event about an agent, as a reader of the log gets it. */
export interface AgentEvent {
  readonly event_type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a caller with curl has no types either
  readonly data: any;
}

/** Writes an executable bash agent into the project and answers the launcher for it. */
export function bashAgent(sidecar: Reachable, name: string, script: string): object {
  const path = join(sidecar.project, `${name}.sh`);
  writeFileSync(path, `#!/bin/bash\nset -eu\n${script}\n`, { mode: 0o755 });
  return { kind: 'command', program: path };
}

/** An agent that runs until the file it answers the path of is there. */
export function patientAgent(sidecar: Reachable, name = 'patient'): { launcher: object; go: () => void } {
  const file = join(sidecar.project, `${name}.go`);
  const launcher = bashAgent(sidecar, name, `while [ ! -e '${file}' ]; do sleep 0.05; done; echo done`);
  return { launcher, go: () => writeFileSync(file, '') };
}

/** Writes a user's profile that changes some limits of a built-in one; answers the folder for `profilesDir`. */
export function profileOverlay(root: string, agentType: string, overlay: object): string {
  mkdirSync(join(root, 'agents'), { recursive: true });
  writeFileSync(join(root, 'agents', `${agentType}.json`), JSON.stringify({ agent_type: agentType, ...overlay }));
  return root;
}

/** Spawns a python-specialist for `issue-1`, unless told otherwise. */
export function spawn(sidecar: Reachable, launcher: object, over: object = {}, token?: string): Promise<Answer> {
  const body = { agent_type: 'python-specialist', issue_id: 'issue-1', task: 'Do it', launcher, ...over };
  return sidecar.call('POST', '/api/agents/spawn', { body, ...(token === undefined ? {} : { token }) });
}

/** One agent in full. */
export async function statusOf(sidecar: Reachable, agentId: string): Promise<Answer['body']> {
  return (await sidecar.call('GET', `/api/agents/${agentId}/status`)).body;
}

/** Waits until the agent is in a state; answers its status. */
export async function until(
  sidecar: Reachable,
  agentId: string,
  state: string,
  timeoutMs = 30_000,
): Promise<Answer['body']> {
  return vi.waitFor(
    async () => {
      const agent = await statusOf(sidecar, agentId);
      expect(agent.state).toBe(state);
      return agent;
    },
    { timeout: timeoutMs, interval: 50 },
  );
}

/** What the log says about an agent, oldest first. */
export async function eventsOf(sidecar: Reachable, agentId: string): Promise<AgentEvent[]> {
  return (await sidecar.call('GET', `/api/events?topic=coordination&filter=agent_id:${agentId}`)).body.events;
}

/** Their types. */
export async function eventTypesOf(sidecar: Reachable, agentId: string): Promise<string[]> {
  return (await eventsOf(sidecar, agentId)).map((event) => event.event_type);
}
