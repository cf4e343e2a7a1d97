import { expect, test } from 'vitest';
import type { SidecarEvent } from '@orchestration-sidecar/shared';
import { compileInterest } from './filter.ts';

const event = (over: Partial<SidecarEvent> = {}): SidecarEvent => ({
  event_id: 'evt-1',
  event_type: 'agent_completed',
  publisher: 'python-specialist-1',
  publisher_type: 'python-specialist',
  topic: 'implementation',
  data: { issue_id: 'issue-123', status: 'success', nested: { depth: 2, ok: true }, topic: 'shadowed' },
  correlation_id: 'session-1',
  project_id: 'p',
  round: 2,
  references: null,
  ttl_seconds: 60,
  timestamp: '2026-01-01T00:00:00.000Z',
  cursor: 'abcd.1',
  ...over,
});
const matches = (filter: string): boolean => compileInterest({ filter })(event());

test.each([
  ['issue_id:issue-123', true],
  ['issue_id:issue-124', false],
  ['issue_id:issue-123,status:success', true],
  ['issue_id:issue-123,status:failure', false],
  ['status:failure|success', true],
  ['!status:failure', true],
  ['!status:success', false],
  ['!missing:value', true],
  ['missing:value', false],
  ['issue_id:issue-*', true],
  ['issue_id:*', true],
  ['missing:*', false],
  ['nested.depth:2', true],
  ['nested.ok:true', true],
  ['nested:*', false],
  ['round:2', true],
  ['publisher_type:python-*', true],
  ['references:*', false],
  ['correlation_id:session-1', true],
  ['constructor:*', false],
  ['__proto__.toString:*', false],
])('%s → %s', (filter, expected) => {
  expect(matches(filter)).toBe(expected);
});

test('a field of the event itself wins over one of the same name in its data', () => {
  expect(matches('topic:implementation')).toBe(true);
  expect(matches('topic:shadowed')).toBe(false);
});

test('a field that the event itself leaves empty was not looked up in its data', () => {
  const inData = event({ round: null, data: { round: 2 } });
  expect(compileInterest({ filter: 'round:2' })(inData)).toBe(true);
  expect(compileInterest({ filter: '!round:2' })(inData)).toBe(false);
  expect(compileInterest({ filter: 'round:2' })(event({ round: 1, data: { round: 2 } }))).toBe(false);
});

test.each([
  ['topic:implementation, !round:3', true],
  ['topic:implementation, !round:2', false],
  [' topic: implementation ', true],
  ['! status : success', false],
  ['status: failure | success', true],
])('white space changed what a filter means: %s', (filter, expected) => {
  expect(matches(filter)).toBe(expected);
});

test('a value may hold colons', () => {
  expect(compileInterest({ filter: 'at:10:30' })(event({ data: { at: '10:30' } }))).toBe(true);
});

test('event type and topic narrow together with the filter; * is any', () => {
  const interest = { eventType: 'agent_completed', topic: 'implementation', filter: 'round:2' };
  expect(compileInterest(interest)(event())).toBe(true);
  expect(compileInterest({ ...interest, topic: 'testing' })(event())).toBe(false);
  expect(compileInterest({ ...interest, eventType: '*' })(event({ event_type: 'other' }))).toBe(true);
});

test.each([
  ['status', 6],
  ['status:a,', 9],
  [':x', 0],
  ['a:b,:c', 4],
  ['a..b:c', 0],
  ['status:', 7],
  ['status:a||b', 7],
  ['!', 1],
  ['!!topic:a', 0],
  ['a:b, !!topic:a', 5],
  ['topic|round:a', 0],
  ['to*:a', 0],
  ['topic: ', 6],
  ['a: | b', 2],
  ['a:b, ', 5],
])('%s is refused at character %i', (filter, position) => {
  expect(() => compileInterest({ filter })).toThrow(
    expect.objectContaining({ code: 'FILTER_INVALID', extension: { position } }),
  );
});
