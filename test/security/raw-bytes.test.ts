import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ERRORS } from '@orchestration-sidecar/shared';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { outcomes } from '../support/raw-http.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

/** Inputs of each kind. By itself the same few every time; `FUZZ_ROUNDS=1000` takes others each time. */
const { FUZZ_ROUNDS } = process.env;
const RUN = FUZZ_ROUNDS === undefined ? { numRuns: 25, seed: 7 } : { numRuns: Number(FUZZ_ROUNDS) };
const LONG_MS = FUZZ_ROUNDS === undefined ? 60_000 : 24 * 3_600_000;
/** Short, so that what is left open is closed soon. */
const TIMES = {
  headersTimeoutMs: 300,
  requestTimeoutMs: 400,
  idleTimeoutMs: 600,
  keepAliveTimeoutMs: 100,
  checkIntervalMs: 50,
};

let plain: SidecarUnderTest;
let secure: SidecarUnderTest;
beforeAll(async () => {
  const { certPath, keyPath } = makeCertificate();
  plain = await startForTest({}, { connectionTimes: TIMES });
  secure = await startForTest({ tlsCert: certPath, tlsKey: keyPath }, { connectionTimes: TIMES });
});
afterAll(async () => {
  await Promise.all([plain, secure].map((sidecar) => sidecar[Symbol.asyncDispose]()));
});

const STATUSES = new Map(Object.entries(ERRORS).map(([code, { http }]) => [code, http]));
const portOf = ({ url }: SidecarUnderTest): number => Number(new URL(url).port);

/** Sends pieces one by one and answers all that came back until the connection was closed. */
async function send(socket: Socket, pieces: readonly Buffer[], ends: boolean): Promise<string> {
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  for (const piece of pieces) if (socket.writable) socket.write(piece);
  if (ends) socket.end();
  await closed;
  return answer;
}

/** Whatever a port is told, it closes the connection, and answers with problem documents if it answers at all. */
function mustBeCalm(answer: string): void {
  // The codes of problem documents, also where tRPC wraps them. A refusal may be followed by one for the body that never
  // came.
  const codes = [...answer.matchAll(/"code":"(\w+)","retryable"/g)].map(([, code = '']) => STATUSES.get(code) ?? 0);
  const refused = outcomes(answer).flatMap((outcome) => (/^[45]/.test(outcome) ? [Number(outcome.slice(0, 3))] : []));
  expect(codes).toEqual(expect.arrayContaining(refused));
  for (const status of [...codes, ...refused]) expect(Math.floor(status / 100)).toBe(4);
}

/** Cuts bytes into pieces, changes some and leaves the end off. */
const broken = (whole: string): fc.Arbitrary<{ pieces: Buffer[]; ends: boolean }> =>
  fc
    .record({
      cuts: fc.array(fc.nat(whole.length), { maxLength: 4 }),
      end: fc.nat(whole.length),
      changes: fc.array(fc.tuple(fc.nat(whole.length), fc.nat(255)), { maxLength: 3 }),
      ends: fc.boolean(),
    })
    .map(({ cuts, end, changes, ends }) => {
      const bytes = Buffer.from(whole, 'latin1');
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      const places = [0, ...cuts.filter((at) => at < end).toSorted((a, b) => a - b), end];
      return { pieces: places.slice(1).map((to, n) => bytes.subarray(places[n], to)), ends };
    });
const rubbish = fc.record({
  pieces: fc.array(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { minLength: 1, maxLength: 3 },
  ),
  ends: fc.boolean(),
});

const HEAD = 'host: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer x\r\n';
const REQUESTS = [
  `GET /api/issues?limit=1 HTTP/1.1\r\n${HEAD}\r\n`,
  `POST /api/issues HTTP/1.1\r\n${HEAD}content-length: 13\r\n\r\n{"title":"x"}`,
  `POST /api/issues HTTP/1.1\r\n${HEAD}transfer-encoding: chunked\r\n\r\nd\r\n{"title":"x"}\r\n0\r\n\r\n`,
  `POST /trpc/issues.create HTTP/1.1\r\n${HEAD}expect: 100-continue\r\ncontent-length: 22\r\n\r\n{"json":{"title":"x"}}`,
];
const UPGRADE = `GET /trpc HTTP/1.1\r\n${HEAD}upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** A masked text frame: the mask is zero. */
const frame = (text: string): string => `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;
const FRAMES = [
  frame('{"id":1,"method":"query","params":{"path":"system.health","input":{"json":{}}}}'),
  `\x01\x83\0\0\0\0{"i\x80\x80\0\0\0\0`,
  '\x89\xfd\0\0\0\0ping',
  '\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0',
  '\x88\x82\0\0\0\0\x03\xe8',
];

test.each([
  ['bytes at random', rubbish],
  ...REQUESTS.map((whole, n) => [`request ${n + 1}, cut, changed or left open`, broken(whole)] as const),
  [
    'the preface of HTTP/2 and rubbish',
    rubbish.map(({ pieces, ends }) => ({ pieces: [Buffer.from(PREFACE), ...pieces], ends })),
  ],
] as const)('%s', { timeout: LONG_MS }, async (_name, input) => {
  await fc.assert(
    fc.asyncProperty(fc.array(input, { minLength: 8, maxLength: 8 }), async (inputs) => {
      const answers = await Promise.all(
        inputs.map(({ pieces, ends }) => send(connectPlain(portOf(plain), '127.0.0.1'), pieces, ends)),
      );
      for (const answer of answers) mustBeCalm(answer);
    }),
    { ...RUN, numRuns: Math.ceil(RUN.numRuns / 8) },
  );
});

test('frames of a WebSocket, cut and changed', { timeout: LONG_MS }, async () => {
  const upgrade = Buffer.from(UPGRADE, 'latin1');
  const input = fc.oneof(rubbish, ...FRAMES.map(broken));
  await fc.assert(
    fc.asyncProperty(fc.array(input, { minLength: 8, maxLength: 8 }), async (inputs) => {
      const answers = await Promise.all(
        // A WebSocket may stay open without a word, so its client leaves.
        inputs.map(({ pieces }) => send(connectPlain(portOf(plain), '127.0.0.1'), [upgrade, ...pieces], true)),
      );
      for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    }),
    { ...RUN, numRuns: Math.ceil(RUN.numRuns / 8) },
  );
});

test('frames of HTTP/2 behind TLS, cut and changed', { timeout: LONG_MS }, async () => {
  const settings = '\0\0\0\x04\0\0\0\0\0';
  const headers = '\0\0\x0d\x01\x05\0\0\0\x01\x82\x87\x84\x41\x8a\x08\x9d\x5c\x0b\x81\x70\xdc\x78\x0f';
  const input = fc.oneof(
    rubbish,
    broken(`${PREFACE}${settings}${headers}`),
    rubbish.map(({ pieces, ends }) => ({ pieces: [Buffer.from(`${PREFACE}${settings}`, 'latin1'), ...pieces], ends })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(input, { minLength: 8, maxLength: 8 }), async (inputs) => {
      await Promise.all(
        inputs.map(({ pieces, ends }) =>
          send(
            connectTls({ port: portOf(secure), host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }),
            pieces,
            ends,
          ),
        ),
      );
    }),
    { ...RUN, numRuns: Math.ceil(RUN.numRuns / 8) },
  );
});

test('both sidecars are well after all of it', async () => {
  expect((await plain.call('GET', '/health', { token: null })).body).toMatchObject({ status: 'healthy' });
  const socket = connectTls({ port: portOf(secure), host: '127.0.0.1', rejectUnauthorized: false });
  const answer = await send(
    socket,
    [Buffer.from('GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n')],
    false,
  );
  expect(outcomes(answer)).toEqual(['200']);
});
