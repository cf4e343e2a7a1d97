import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, cut, pad, widthOf, wrap } from './text.ts';

const anyCharacters = fc.array(fc.integer({ min: 0, max: 0x20_70 })).map((codes) => String.fromCodePoint(...codes));
const anyText = fc.string({ unit: 'grapheme', maxLength: 60 });

describe('cleanText', () => {
  it('lets nothing through that a terminal acts on', () => {
    fc.assert(
      fc.property(anyCharacters, (text) => {
        expect(cleanText(text)).not.toMatch(/\p{Control}|[\u202a-\u202e\u2066-\u2069]/u);
        expect(cleanText(text, '\n').replaceAll('\n', '')).not.toMatch(/\p{Control}/u);
      }),
    );
  });

  it('shows that something was there', () => {
    expect(cleanText('a\u001b[2Jb')).toBe('a�[2Jb');
    expect(cleanText('one\r\ntwo', '\n')).toBe('one\ntwo');
    expect(cleanText('one\n\ttwo')).toBe('one two');
  });
});

describe('width', () => {
  it.each([
    ['plain', 5],
    ['日本', 4],
    ['👩‍👩‍👧', 2],
    ['e\u0301', 1],
    ['\u001b[31mred\u001b[39m', 3],
  ])('%s takes %i columns', (text, columns) => {
    expect(widthOf(text)).toBe(columns);
  });

  it('of what is cut never exceeds the room, and of what is padded is exactly the room', () => {
    fc.assert(
      fc.property(
        anyText.map((text) => cleanText(text)),
        fc.integer({ min: 0, max: 40 }),
        (text, columns) => {
          const kept = cut(text, columns);
          expect(widthOf(kept)).toBeLessThanOrEqual(columns);
          expect(widthOf(pad(kept, columns))).toBe(columns);
          expect(kept === text || widthOf(text) > columns).toBe(true);
        },
      ),
    );
  });
});

describe('wrap', () => {
  it('keeps every word in its order, and breaks before the room ends where a word allows', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), (words) => {
        const lines = wrap(words.join(' '), 10);
        expect(lines.join(' ')).toBe(words.join(' '));
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(10);
      }),
    );
  });
});
