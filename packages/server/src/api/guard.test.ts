import { expect, test } from 'vitest';
import { Guard } from './guard.ts';

const guard = new Guard({ host: '127.0.0.1', allowedOrigins: ['https://dashboard.example'] });
const passes = (host: string | undefined, origin?: string): boolean => {
  try {
    guard.check({ host, origin });
    return true;
  } catch (cause) {
    expect(cause).toMatchObject({ code: 'HOST_FORBIDDEN' });
    return false;
  }
};

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
])('host %s → %s', (host, expected) => {
  expect(passes(host)).toBe(expected);
});

test.each([
  ['http://127.0.0.1:3001', true],
  ['https://dashboard.example', true],
  ['null', false],
  ['http://127.0.0.1:3002', false],
  ['http://localhost:3001', false],
  ['https://dashboard.example.evil.example', false],
  ['https://evil.example', false],
  ['file://', false],
])('origin %s → %s', (origin, expected) => {
  expect(passes('127.0.0.1:3001', origin)).toBe(expected);
});
