import { expect, it } from 'vitest';
import { readSidecarUrl } from './sidecar-url.ts';

it.each([
  ['http://127.0.0.1:3001', 'http://127.0.0.1:3001', 'ws://127.0.0.1:3001/trpc'],
  ['http://localhost:3001/api', 'http://localhost:3001', 'ws://localhost:3001/trpc'],
  ['https://sidecar.example/api/', 'https://sidecar.example', 'wss://sidecar.example/trpc'],
  ['http://host/behind/proxy/api', 'http://host/behind/proxy', 'ws://host/behind/proxy/trpc'],
  ['http://host/apiary', 'http://host/apiary', 'ws://host/apiary/trpc'],
  ['http://[::1]:3001/?x=1#y', 'http://[::1]:3001', 'ws://[::1]:3001/trpc'],
])('reads %s', (text, base, webSocket) => {
  expect(readSidecarUrl(text)).toEqual({ base, http: `${base}/trpc`, webSocket });
});

it.each(['', 'localhost:3001', 'ftp://host', 'file:///etc/passwd', 'http://'])('refuses %j', (text) => {
  expect(() => readSidecarUrl(text)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
});
