import { LIMITS } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { ArrivingMessage } from './arriving-message.ts';

function arriving(timeoutMs = 60_000) {
  const told: string[] = [];
  const message = new ArrivingMessage({
    smallBytes: 1000,
    timeoutMs,
    admit: (bytes) => {
      told.push(`asked for ${bytes}`);
      return Promise.resolve(() => told.push('left'));
    },
    refuse: (cause) => told.push(String(cause)),
  });
  return { message, told };
}
const ASKED = `asked for ${LIMITS.maxBodyBytes}`;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('room is asked for once a message is large, and given back with its end', async () => {
  const { message, told } = arriving();
  message.piece(500);
  expect(told).toEqual([]);
  message.piece(500);
  message.piece(50_000);
  await settled();
  expect(told).toEqual([ASKED]);
  message.end();
  message.piece(2000);
  expect(told).toEqual([ASKED, 'left']);
});

test('room that is given after the end is given back at once', async () => {
  const { message, told } = arriving();
  message.piece(2000);
  message.end();
  await settled();
  expect(told).toEqual([ASKED, 'left']);
});

test('many small pieces are a large message', () => {
  const { message, told } = arriving();
  for (let piece = 0; piece < 4; piece += 1) message.piece(1);
  expect(told).toEqual([ASKED]);
});

test('whole messages and control frames are none, however many and however they are cut', () => {
  const { message, told } = arriving();
  for (let n = 0; n < 100; n += 1) {
    message.end();
    message.piece(65_536);
    // A ping in one piece, and one in two.
    message.control(Buffer.alloc(100));
    message.piece(106);
    message.piece(50);
    message.control(Buffer.alloc(100));
    message.piece(56);
  }
  expect(told).toEqual([]);
});

test('control frames between its pieces make a message no smaller', () => {
  const { message, told } = arriving();
  message.end();
  for (let n = 0; n < 10; n += 1) message.control(Buffer.alloc(100));
  message.piece(1100);
  message.piece(600);
  message.control(Buffer.alloc(100));
  message.piece(106);
  message.piece(200);
  expect(told).toEqual([ASKED]);
});

test('the rest of a large message has a time to come in', async () => {
  const { message, told } = arriving(1);
  message.piece(2000);
  await expect.poll(() => told).toHaveLength(2);
  expect(told[1]).toContain('REQUEST_TIMEOUT');
});
