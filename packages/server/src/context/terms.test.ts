import { describe, expect, it } from 'vitest';
import { countOf, holds, indexText } from './file-index.ts';
import { termHash } from './terms.ts';

const counts = (text: string, ...words: string[]): number[] => {
  const posting = indexText(Buffer.from(text));
  return words.map((word) => countOf(posting, termHash(word)));
};

describe('terms', () => {
  it('splits identifiers at case, digits and underscores', () => {
    expect(counts('HTTPServer getUserName user_name XMLHttpRequest2', 'http', 'server', 'user', 'name', 'xml')).toEqual(
      [2, 1, 2, 2, 1],
    );
  });

  it('knows a whole identifier however it is written', () => {
    const posting = indexText(Buffer.from('getUserName get_user_name GET_USER_NAME'));
    expect(countOf(posting, termHash('getUserName', true))).toBe(3);
  });

  it.each([
    ['cache', 'caches cached caching cache'],
    ['policy', 'policies policy'],
    ['stop', 'stopped stopping stops'],
    ['call', 'calls called calling'],
    ['process', 'process processes processed'],
    ['status', 'status'],
  ])('meets the forms of %s in one stem', (stem, forms) => {
    expect(counts(forms, stem)).toEqual([forms.split(' ').length]);
  });

  it('notes what is defined, and skips what is data', () => {
    const posting = indexText(
      Buffer.from(`class Session:\n  def open_file(self): pass\nfunc Serve() {}\n${'x'.repeat(500)}`),
    );
    expect(
      ['Session', 'open_file', 'Serve', 'self'].map((name) => holds(posting.defines, termHash(name, true))),
    ).toEqual([true, true, true, false]);
    expect(countOf(posting, termHash('x'.repeat(500)))).toBe(0);
  });
});
