import { once } from 'node:events';
import { ERRORS, procedures, type Procedure } from '@orchestration-sidecar/shared';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { liveInputs, type LiveInput } from '../support/live-inputs.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import { oddInputs } from './odd-inputs.ts';

/** Inputs of each procedure. By itself the same few every time; `FUZZ_ROUNDS=1000` takes others each time. */
const { FUZZ_ROUNDS } = process.env;
const RUN = FUZZ_ROUNDS === undefined ? { numRuns: 5, seed: 7 } : { numRuns: Number(FUZZ_ROUNDS) };
const LONG_MS = FUZZ_ROUNDS === undefined ? 60_000 : 24 * 3_600_000;
/** Longest answer. */
const HANG_MS = 30_000;
/** What is meant to wait is let go after this. */
const WAIT_MS = 50;
/** A backup for each input would be all that the test does; the others end what it works with. */
const LEFT_OUT = new Set(['backups.create', 'mirrors.rebuild', 'agents.stopAll', 'tokens.rotateKeys', 'tokens.revoke']);
/** Words of the inside: of a stack, of SQL, of a path of ours. */
const INTERNAL = /\n\s+at |SQLITE_|SqliteError|node_modules|node:internal|packages\/server/;

let sidecar: SidecarUnderTest;
let socket: Caller;
const valid = new Map<string, LiveInput>();
const accepted = new Set<string>();
/** Further projects come last: with more than one, every call has to say which. */
const fuzzed = procedures
  .filter(({ name }) => !LEFT_OUT.has(name))
  .toSorted((a, b) => Number(a.name === 'projects.add') - Number(b.name === 'projects.add'));

beforeAll(async () => {
  sidecar = await startForTest({ rateLimitPerAgent: 0, rateLimitPerAgentType: 0, rateLimitPerProject: 0 });
  const live = liveInputs(sidecar);
  for (const entry of fuzzed) valid.set(entry.name, await live.of(entry));
  socket = await Caller.open(sidecar);
}, 120_000);
afterAll(async () => {
  socket.close();
  await sidecar[Symbol.asyncDispose]();
});

describe.each(fuzzed.map((entry) => [entry.name, entry] as const))('%s', (name, entry) => {
  test('answers or refuses whatever it is asked with', { timeout: LONG_MS }, async () => {
    const { input, token = sidecar.operatorToken } = valid.get(name) ?? { input: {} };
    await fc.assert(
      fc.asyncProperty(oddInputs(entry, input), async (odd) => {
        expect(await Promise.all([overRest(entry, odd, token), socket.call(entry, odd)])).toEqual([null, null]);
      }),
      // The valid one first.
      { ...RUN, examples: [[input]] },
    );
  });
});

test('most of what was asked with got past the schemas, and the sidecar is well', async () => {
  expect(accepted.size).toBeGreaterThan(fuzzed.length * 0.9);
  expect((await sidecar.call('GET', '/health', { token: null })).body).toMatchObject({ status: 'healthy' });
});

/** What is wrong with an answer; null: nothing. */
async function overRest(
  entry: Procedure,
  input: Readonly<Record<string, unknown>>,
  token: string,
): Promise<string | null> {
  const left = new Map(Object.entries(input));
  const path = entry.rest.path.replaceAll(/:(\w+)/g, (_all, name: string) => {
    const value = encodeURIComponent(textOf(left.get(name)).toWellFormed());
    left.delete(name);
    return value;
  });
  const isPost = entry.rest.method === 'POST';
  const query = new URLSearchParams([...left].map(([name, value]) => [name, textOf(value)]));
  const waits = entry.load === 'waits' || entry.kind === 'subscription';
  try {
    const response = await fetch(`${sidecar.url}${path}${isPost || query.size === 0 ? '' : `?${query.toString()}`}`, {
      method: entry.rest.method,
      headers: { authorization: `Bearer ${token}`, ...(isPost && { 'content-type': 'application/json' }) },
      ...(isPost && { body: JSON.stringify(Object.fromEntries(left)) }),
      signal: AbortSignal.timeout(waits ? WAIT_MS : HANG_MS),
    });
    if (response.ok) accepted.add(entry.name);
    const text = await response.text();
    if (response.ok) return null;
    const type = response.headers.get('content-type');
    if (type?.startsWith('application/problem+json') !== true) return `${response.status} ${type}: ${text}`;
    return faultOf(response.status, JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'TimeoutError') throw cause;
    return waits ? null : 'no answer';
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** What is wrong with a problem document. */
function faultOf(status: number, problem: { code: string; status: number }): string | null {
  const known = new Map<string, { http: number }>(Object.entries(ERRORS)).get(problem.code);
  const said = JSON.stringify(problem);
  if (status >= 500 || known?.http !== status || problem.status !== status || INTERNAL.test(said)) return said;
  return null;
}

/** The operator on a WebSocket. */
class Caller {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (text: string) => void>();
  #id = 0;

  private constructor(opened: WebSocket) {
    this.#socket = opened;
    opened.on('message', (data: Buffer) => {
      const text = data.toString();
      const id = Number(/^\{"id":(\d+)/.exec(text)?.[1]);
      this.#waiting.get(id)?.(text);
    });
  }

  static async open({ url, operatorToken }: SidecarUnderTest): Promise<Caller> {
    const headers = { authorization: `Bearer ${operatorToken}` };
    const opened = new WebSocket(`${url.replace('http', 'ws')}/trpc`, { headers });
    await once(opened, 'open');
    return new Caller(opened);
  }

  /** What is wrong with an answer; null: nothing. */
  async call({ name, kind, load }: Procedure, input: object): Promise<string | null> {
    this.#id += 1;
    const id = this.#id;
    const answer = Promise.withResolvers<string>();
    this.#waiting.set(id, answer.resolve);
    const waits = load === 'waits' || kind === 'subscription';
    const timer = setTimeout(() => answer.resolve(waits ? '{}' : '{"none":true}'), waits ? WAIT_MS : HANG_MS);
    this.#socket.send(JSON.stringify({ id, method: kind, params: { path: name, input: { json: input } } }));
    const { error, none } = JSON.parse(await answer.promise);
    clearTimeout(timer);
    this.#waiting.delete(id);
    if (kind === 'subscription') this.#socket.send(JSON.stringify({ id, method: 'subscription.stop' }));
    if (none === true) return 'no answer';
    if (error === undefined) {
      accepted.add(name);
      return null;
    }
    return faultOf(error.json.data.httpStatus, error.json.data.problem);
  }

  close(): void {
    this.#socket.terminate();
  }
}
