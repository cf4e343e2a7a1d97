import { createSidecarClient, type Resources } from '@orchestration-sidecar/sdk';
import type { ServerUnderTest } from '../support/server-process.ts';
import { restCalls } from './rest-calls.ts';

/** A simulated agent: a token of its own and one way of calling. */
export interface SoakAgent {
  readonly index: number;
  readonly agentType: string;
  readonly agentId: string;
  readonly issueId: string;
  readonly calls: Resources;
  readonly permissions: ReadonlySet<string>;
  /** Name of its type’s consumer. */
  readonly consumer: string;
  /** Where it has read to. */
  cursor: string | undefined;
  token: string;
  close(): void;
}

/** Issues that the agents share. */
const ISSUES = 12;

/** One agent of every kind: a third each over REST, over the SDK and over the SDK’s WebSocket. */
export async function makeAgents(server: ServerUnderTest): Promise<SoakAgent[]> {
  for (let issue = 0; issue < ISSUES; issue += 1) {
    await server.call('POST', '/api/issues', { body: { issue_id: `soak-${issue}`, title: `Soak ${issue}` } });
  }
  const { body } = await server.call('GET', '/api/profiles');
  const profiles: { agent_type: string; permissions: string[] }[] = body.profiles;
  const url = `http://127.0.0.1:${server.port}`;
  return Promise.all(
    profiles.map(async ({ agent_type: agentType, permissions }, index): Promise<SoakAgent> => {
      const minted = await server.call('POST', '/api/tokens', { body: { agent_type: agentType } });
      const token = (): string => agent.token;
      // One attempt: a fault that is repeated away would not be counted.
      const client =
        index % 3 === 0
          ? undefined
          : createSidecarClient({ url, token, maxAttempts: 1, calls: index % 3 === 1 ? 'http' : 'websocket' });
      const agent: SoakAgent = {
        index,
        agentType,
        agentId: minted.body.agent_id,
        issueId: `soak-${index % ISSUES}`,
        calls: client ?? restCalls(url, token),
        permissions: new Set(permissions),
        consumer: `soak-${agentType}`,
        cursor: undefined,
        token: minted.body.token,
        close: () => client?.close(),
      };
      await agent.calls.consumers.create({ consumer: agent.consumer, event_type: 'soak_tick' });
      return agent;
    }),
  );
}
