import { contract } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { queryReader } from './query-input.ts';

test('text becomes what the field wants, and what cannot stays for the schema to refuse', () => {
  const read = queryReader(contract.events.wait);
  expect(read({ timeout: '30000', limit: '5', filter: '7', topic: 'testing' })).toEqual({
    timeout: 30_000,
    limit: 5,
    filter: '7',
    topic: 'testing',
  });
  expect(read({ timeout: 'soon', limit: '' })).toEqual({ timeout: 'soon', limit: '' });
  expect(read({ timeout: '1e3', limit: '0x10' })).toEqual({ timeout: '1e3', limit: '0x10' });
});

test('other names of a field mean that field; unknown names stay for the schema to refuse', () => {
  const read = queryReader(contract.events.wait);
  expect(read({ since: 'a.1' })).toEqual({ cursor: 'a.1' });
  expect(read({ colour: 'red' })).toEqual({ colour: 'red' });
  expect(read({ limit: ['1', '2'] })).toEqual({ limit: ['1', '2'] });
});
