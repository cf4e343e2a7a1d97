import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { listenForStop } from './stop-requests.ts';

it('takes one request as stop, its echo through npm as nothing, and a later one as force', () => {
  const source = new EventEmitter();
  let nowMs = 0;
  const { stop, force } = listenForStop(source, () => nowMs);
  expect(stop.aborted).toBe(false);
  source.emit('SIGINT');
  expect([stop.aborted, force.aborted]).toEqual([true, false]);
  nowMs = 1999;
  source.emit('SIGINT');
  expect(force.aborted).toBe(false);
  nowMs = 2000;
  source.emit('SIGTERM');
  expect(force.aborted).toBe(true);
});
