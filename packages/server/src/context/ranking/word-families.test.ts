import { describe, expect, it } from 'vitest';
import { familyOf } from './word-families.ts';

describe('word families', () => {
  it.each([
    ['parser', 'parsing'],
    ['validator', 'validation'],
    ['expand', 'expansions'],
    ['serializer', 'serialization'],
    ['connect', 'connections'],
  ])('%s and %s are one', (one, other) => {
    expect(familyOf(one)).toBe(familyOf(other));
  });

  it.each([
    ['content', 'context'],
    ['string', 'strip'],
    ['user', 'use'],
    ['internal', 'interface'],
  ])('%s and %s are two', (one, other) => {
    expect(familyOf(one)).not.toBe(familyOf(other));
  });
});
