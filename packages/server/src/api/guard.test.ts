import { expect, test } from 'vitest';
import { Guard, type GuardOptions, type Incoming } from './guard.ts';

const options: GuardOptions = {
  host: '127.0.0.1',
  allowedHosts: [],
  allowedOrigins: ['https://dashboard.example'],
  secure: false,
};

function passes(headers: Incoming['headers'], over: Partial<GuardOptions> = {}, url = '/health'): boolean {
  try {
    new Guard({ ...options, ...over }).check({ url, headers });
    return true;
  } catch (cause) {
    expect(cause).toMatchObject({ code: 'HOST_FORBIDDEN' });
    return false;
  }
}

test.each([
  ['127.0.0.1:3001', true],
  ['localhost:3001', true],
  ['LOCALHOST', true],
  ['[::1]:3001', true],
  ['127.0.0.1', true],
  [undefined, false],
  ['', false],
  ['evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example:3001', false],
  ['evil.example@127.0.0.1', false],
  ['127.0.0.1:3001/evil', false],
  ['0.0.0.0:3001', false],
  // What means loopback to a resolver and is not one of our names.
  ['localhost.', false],
  ['127.0.0.1.', false],
  ['127.1', false],
  ['2130706433', false],
  ['0x7f000001', false],
  ['[::ffff:127.0.0.1]', false],
  ['[0:0:0:0:0:0:0:1]', false],
  ['[::1%25lo]', false],
  ['::1', false],
  // Two that were joined.
  ['127.0.0.1, evil.example', false],
  ['127.0.0.1,127.0.0.1', false],
  ['127.0.0.1:', false],
  ['127.0.0.1:123456', false],
  ['127.0.0.1 ', false],
  ['127.0.0.1\t', false],
  ['127.0.0.1\nevil', false],
])('host %j → %s', (host, expected) => {
  expect(passes({ host })).toBe(expected);
});

test.each([
  ['http://127.0.0.1:3001', true],
  ['https://dashboard.example', true],
  ['null', false],
  ['', false],
  ['http://127.0.0.1:3002', false],
  ['http://localhost:3001', false],
  ['https://127.0.0.1:3001', false],
  ['HTTPS://DASHBOARD.EXAMPLE', false],
  ['https://dashboard.example.', false],
  ['https://dashboard.example:443', false],
  ['https://dashboard.example.evil.example', false],
  ['https://dashboard.example, https://evil.example', false],
  ['https://evil.example', false],
  ['file://', false],
])('origin %j → %s', (origin, expected) => {
  expect(passes({ host: '127.0.0.1:3001', origin })).toBe(expected);
});

test('what a proxy says of the host is not looked at', () => {
  const forwarded = { 'x-forwarded-host': '127.0.0.1', 'x-forwarded-proto': 'https', forwarded: 'host=127.0.0.1' };
  expect(passes({ host: 'evil.example', ...forwarded })).toBe(false);
  expect(passes({ host: '127.0.0.1', 'x-forwarded-host': 'evil.example' })).toBe(true);
});

test('the authority of HTTP/2 and a Host beside it both count', () => {
  expect(passes({ ':authority': 'localhost:3001' })).toBe(true);
  expect(passes({ ':authority': 'evil.example' })).toBe(false);
  expect(passes({ ':authority': 'evil.example', host: 'localhost' })).toBe(false);
  expect(passes({ ':authority': 'localhost', host: 'evil.example' })).toBe(false);
});

test('a target that names a machine is refused whatever the Host is', () => {
  const headers = { host: '127.0.0.1' };
  expect(passes(headers, {}, 'http://evil.example/health')).toBe(false);
  expect(passes(headers, {}, 'http://127.0.0.1/health')).toBe(false);
  expect(passes(headers, {}, 'evil.example:443')).toBe(false);
  expect(passes(headers, {}, '*')).toBe(true);
});

test('a page of another site may send a visitor here and nothing else', () => {
  const from = (site: string, mode: string): boolean =>
    passes({ host: 'localhost', 'sec-fetch-site': site, 'sec-fetch-mode': mode });
  expect(from('none', 'navigate')).toBe(true);
  expect(from('same-origin', 'cors')).toBe(true);
  expect(from('cross-site', 'navigate')).toBe(true);
  expect(from('cross-site', 'no-cors')).toBe(false);
  // localhost:5173 is the same site and another program.
  expect(from('same-site', 'no-cors')).toBe(false);
});

test('whoever listens elsewhere answers to that address and to the names that were configured', () => {
  expect(passes({ host: '10.0.0.7:3001' }, { host: '10.0.0.7' })).toBe(true);
  expect(passes({ host: '[fd00::7]:3001' }, { host: 'FD00::7' })).toBe(true);
  expect(passes({ host: 'build.lan' }, { host: '10.0.0.7' })).toBe(false);
  expect(passes({ host: 'Build.lan' }, { host: '10.0.0.7', allowedHosts: ['build.LAN'] })).toBe(true);
});

test.each(['0.0.0.0', '::'])(
  'whoever listens on %s answers to addresses, which no DNS rebinds, and not to names',
  (host) => {
    expect(passes({ host: '10.0.0.7:3001' }, { host })).toBe(true);
    expect(passes({ host: '[fd00::7]:3001' }, { host })).toBe(true);
    expect(passes({ host: 'localhost' }, { host })).toBe(true);
    expect(passes({ host: 'evil.example' }, { host })).toBe(false);
    expect(passes({ host: '0.0.0.0:3001' }, { host })).toBe(false);
    expect(passes({ host: '[::]:3001' }, { host })).toBe(false);
  },
);

test('with TLS the own origin is that of TLS', () => {
  expect(passes({ host: 'localhost:3001', origin: 'https://localhost:3001' }, { secure: true })).toBe(true);
  expect(passes({ host: 'localhost:3001', origin: 'http://localhost:3001' }, { secure: true })).toBe(false);
});
