import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { procedures } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { EveryDoor } from '../support/every-door.ts';
import { makeGitProject } from '../support/git-project.ts';
import { forgeToken, readToken } from '../support/jwt.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const OF_ISSUE = { issue_id: 'issue-1' };
const CONTEXT = { ...OF_ISSUE, agent_type: 'python-specialist' };
const EVENT = { event_type: 'probed', topic: 'implementation' };
const SPAWN = { ...OF_ISSUE, agent_type: 'no-such-agent', task: 'none' };
const NONE = 'no-such-thing';

/** What each procedure is asked with: valid, and harmless also to who may. `issue-1` is in the project `home`. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'cleanUp.run': { dry_run: true },
  'pins.add': { kind: 'issue', id: NONE },
  'pins.remove': { kind: 'issue', id: NONE },
  'logs.level': { level: 'error' },
  'projects.add': { root: '/no/such/directory' },
  'tokens.create': { agent_type: NONE },
  'tokens.revoke': { agent_id: NONE },
  'issues.create': { ...OF_ISSUE, title: 'Probe', workflow: NONE },
  'issues.get': OF_ISSUE,
  'issues.outcome': OF_ISSUE,
  'issues.cancel': OF_ISSUE,
  'issues.pause': OF_ISSUE,
  'issues.resume': OF_ISSUE,
  'context.get': CONTEXT,
  'context.prompt': CONTEXT,
  'context.file': { ...CONTEXT, path: 'src/greeter.py' },
  'context.clear': OF_ISSUE,
  'results.store': { ...OF_ISSUE, agent_type: 'python-specialist', result: { status: 'success' } },
  'results.get': { id: NONE },
  'events.publish': EVENT,
  'events.publishMany': { events: [EVENT] },
  'events.wait': { event_type: NONE, timeout: 0 },
  'consumers.create': { consumer: 'probe', agent_type: 'python-specialist' },
  'consumers.consume': { consumer: 'probe', timeout: 0 },
  'consumers.ack': { consumer: 'probe', leases: ['1.1'] },
  'consumers.nack': { consumer: 'probe', leases: ['1.1'] },
  'consumers.delete': { consumer: NONE },
  'deadLetters.get': { dead_letter_id: NONE },
  'deadLetters.redrive': { dead_letter_id: NONE },
  'deadLetters.drop': { dead_letter_id: NONE },
  'agents.spawn': SPAWN,
  'agents.preflight': SPAWN,
  'agents.status': { agent_id: NONE },
  'agents.stop': { agent_id: NONE },
  'agents.stopAll': { issue_id: 'no-such-issue' },
  'agents.logs': { agent_id: NONE },
  'agents.script': { ...OF_ISSUE, agent_type: 'python-specialist' },
  'profiles.get': { agent_type: 'python-specialist' },
};

/** What says that a caller was kept out, or sees nothing. Any other outcome means that it was let in. */
const KEPT_OUT =
  /^(?:UNAUTHENTICATED|TOKEN_\w+|\w+_DENIED|\w+_FORBIDDEN|PUBLISHER_MISMATCH|ISSUE_NOT_FOUND|CONSUMER_NOT_FOUND)$/;
/** What no probe may meet: it would say nothing about permissions. */
const NO_ANSWER = new Set(['INPUT_INVALID', 'INTERNAL', 'RATE_LIMITED', 'ROUTE_NOT_FOUND', 'JSON_INVALID']);

interface Cast {
  readonly home: string;
  readonly callers: ReadonlyMap<string, string | null>;
}

async function castOf(sidecar: SidecarUnderTest): Promise<Cast> {
  const home: string = (await sidecar.call('GET', '/api/projects')).body.projects[0].project_id;
  await sidecar.call('POST', '/api/projects', { body: { root: makeGitProject(), project_id: 'away' } });
  await sidecar.createIssue('issue-1', home);
  // A stream that opens shows something.
  for (const project_id of [home, 'away']) await sidecar.call('POST', '/api/events/probed', { body: { project_id } });
  const tokenOf = async (type: string, project = home): Promise<string> => (await sidecar.mint(type, project)).token;
  const { header, claims } = readToken(await tokenOf('python-specialist'));
  const key = createPrivateKey(readFileSync(join(sidecar.dataDir, 'keys', 'active.pem')));
  const forge = (over: object): string => forgeToken(header, { ...claims, ...over }, key);
  const revoked = await sidecar.mint('python-specialist', home);
  await sidecar.call('POST', '/api/tokens/revoke', { body: { agent_id: revoked.agentId } });
  const callers = new Map<string, string | null>([
    ['no token', null],
    ['not a token', 'nonsense'],
    ['expired', forge({ iat: 1, nbf: 1, exp: 3601 })],
    ['revoked', revoked.token],
    ['wrong audience', forge({ aud: 'somebody-else' })],
    ['wrong issuer', forge({ iss: 'somebody-else' })],
    ['never issued', forge({ jti: '00000000-0000-4000-8000-000000000000' })],
    ['chief-architect', await tokenOf('chief-architect')],
    ['backend-architect (architecture)', await tokenOf('backend-architect')],
    ['python-specialist (coding)', await tokenOf('python-specialist')],
    ['go-specialist (wrong type)', await tokenOf('go-specialist')],
    ['test-engineer (qa-security)', await tokenOf('test-engineer')],
    ['devops-engineer (devops)', await tokenOf('devops-engineer')],
    ['documentation-expert (documentation)', await tokenOf('documentation-expert')],
    ['context-manager (support)', await tokenOf('context-manager')],
    ['python-specialist of another project', await tokenOf('python-specialist', 'away')],
    ['chief-architect of another project', await tokenOf('chief-architect', 'away')],
    // Last: what it does reaches everybody.
    ['operator', sidecar.operatorToken],
  ]);
  return { home, callers };
}

test('who may do what, through every door (regenerate: npm test -- test/security/permissions -u)', async () => {
  const sidecar = await startForTest();
  const { home, callers } = await castOf(sidecar);
  // A refresh ends the token that asks for it, so it is asked last.
  const refresh = ({ name }: { name: string }): number => Number(name === 'tokens.refresh');
  const inOrder = procedures.toSorted((a, b) => refresh(a) - refresh(b));
  const outcomes = new Map(inOrder.map(({ name }) => [name, new Map<string, string[]>()]));
  const wrong: string[] = [];
  for (const [caller, token] of callers) {
    const doors = new EveryDoor(sidecar.url, token);
    for (const entry of inOrder) {
      // The operator has to say which project it means; the others' tokens do, unless the path names one.
      const isAsked = entry.name !== 'tokens.revoke' && 'project_id' in shapeOf(entry.input);
      const isInPath = entry.rest.path.includes(':project_id');
      const named = isInPath || (caller === 'operator' && isAsked) ? { project_id: home } : {};
      const input = { ...INPUTS[entry.name], ...named };
      const found = [
        await doors.rest(entry, input),
        await doors.trpc(entry, input),
        await doors.webSocket(entry, input),
      ];
      const [outcome = '', ...others] = found.map((each) => (KEPT_OUT.test(each) ? each : 'in'));
      if (others.some((each) => each !== outcome) || found.some((each) => NO_ANSWER.has(each))) {
        wrong.push(`${entry.name} as ${caller}: ${found.join(' | ')}`);
      }
      const who = outcomes.get(entry.name);
      who?.set(outcome, [...(who.get(outcome) ?? []), caller]);
    }
    doors.close();
  }
  await sidecar[Symbol.asyncDispose]();
  expect(wrong).toEqual([]);
  const rows = procedures
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .flatMap(({ name, access }) => [
      `${name} (${access})`,
      ...[...(outcomes.get(name) ?? [])]
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([outcome, who]) => `  ${outcome}: ${who.length === callers.size ? 'everybody' : who.join(', ')}`),
    ]);
  await expect(`${rows.join('\n')}\n`).toMatchFileSnapshot('permissions.txt');
});

test('whoever names another project is told that its token does not belong there, through every door', async () => {
  const sidecar = await startForTest();
  const { callers } = await castOf(sidecar);
  const doors = new EveryDoor(sidecar.url, callers.get('chief-architect') ?? null);
  const entries = procedures.filter(
    ({ access, input }) => access !== 'public' && access !== 'operator' && 'project_id' in shapeOf(input),
  );
  const refusal = expect.stringMatching(/_(?:FORBIDDEN|NOT_FOUND)$/);
  for (const entry of entries) {
    const input = { ...INPUTS[entry.name], project_id: 'away' };
    const found = [await doors.rest(entry, input), await doors.trpc(entry, input), await doors.webSocket(entry, input)];
    expect([entry.name, ...found]).toEqual([entry.name, refusal, refusal, refusal]);
  }
  doors.close();
  await sidecar[Symbol.asyncDispose]();
});

function shapeOf(schema: object): object {
  return 'shape' in schema && typeof schema.shape === 'object' && schema.shape !== null ? schema.shape : {};
}
