import { expect, test } from 'vitest';
import { closestName } from './closest-name.ts';

test.each([
  ['prot', 'port'],
  ['max_agents', 'maxAgents'],
  ['logLevle', 'logLevel'],
  ['PORT', 'port'],
  ['zebra', undefined],
  ['', undefined],
])('%s probably meant %s', (word, name) => {
  expect(closestName(word, ['port', 'maxAgents', 'logLevel', 'host'])).toBe(name);
});
