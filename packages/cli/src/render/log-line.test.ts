import { expect, test } from 'vitest';
import { plain } from '../terminal.ts';
import { renderLogLine } from './log-line.ts';

const line = {
  level: 'WARN',
  time: '2026-01-02T03:04:05.678Z',
  correlation_id: 'c-1',
  agent_id: 'a',
  exit: { code: 1 },
  msg: 'agent ended',
};

test('time, level and message come first, then the fields, then the stack', () => {
  expect(renderLogLine(JSON.stringify(line), plain)).toBe(
    '03:04:05.678 WARN  agent ended correlation_id=c-1 agent_id=a exit={"code":1}',
  );
  const failed = { ...line, err: { type: 'Error', stack: 'Error: no\n    at here' } };
  expect(renderLogLine(JSON.stringify(failed), plain).split('\n').slice(1)).toEqual(['    Error: no', '     at here']);
});

test('what is no JSON stays, and nothing of it steers the terminal', () => {
  expect(renderLogLine('plain\n', plain)).toBe('plain');
  expect(renderLogLine(JSON.stringify({ ...line, msg: '\u001b[2Jgone' }), plain)).not.toContain('\u001b');
});
