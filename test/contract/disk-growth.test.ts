import { procedures } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';

test('what makes the data directory larger says so and can be refused for it, and no query does', () => {
  const growing = procedures.filter(({ growth }) => growth !== undefined);
  const refused = procedures.filter(({ errors }) => errors.includes('DISK_QUOTA_EXCEEDED'));
  expect(growing.map(({ name }) => name)).toEqual(refused.map(({ name }) => name));
  expect(growing.map(({ kind }) => kind)).not.toContain('query');
  expect(growing.map(({ name }) => name)).toEqual(expect.arrayContaining(['events.publish', 'events.publishMany']));
});
