import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plain } from '../terminal.ts';
import { renderFields, renderTable, type TableTarget } from './table.ts';
import { widthOf } from './text.ts';

const columns = [
  { title: 'id', text: ([id]: readonly string[]) => id ?? '' },
  { title: 'what', text: ([, what]: readonly string[]) => what ?? '', flexible: true },
  { title: 'why', text: ([, , why]: readonly string[]) => why ?? '', flexible: true },
] as const;

function target(outputIsTerminal: boolean, width = 80): TableTarget {
  return { outputIsTerminal, size: () => ({ columns: width, rows: 24 }), paint: plain };
}

describe('renderTable', () => {
  it.each([80, 20])('fits every line into a terminal of %i columns, whatever the cells hold', (width) => {
    const row = fc.tuple(
      fc.string({ maxLength: 40, unit: 'grapheme' }),
      fc.string({ maxLength: 200, unit: 'grapheme' }),
      fc.string({ maxLength: 200, unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
        for (const line of renderTable(rows, columns, target(true, width)))
          expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('cuts nothing off where there is no terminal', () => {
    const long = 'x'.repeat(300);
    expect(renderTable([['a', long, long]], columns, target(false)).join('\n')).toContain(`a   ${long}  ${long}`);
  });

  it('lets the columns give way that may', () => {
    const id = 'rust-pro-f0a9021d-c534-4a16-85e0-82e6d7d18299';
    expect(renderTable([[id, 'x'.repeat(90), 'y'.repeat(90)]], columns, target(true)).at(-1)).toContain(id);
  });
});

it('fields line up, values of several lines included, and empty ones are left out', () => {
  const fields = [
    ['a', 'one\ntwo'],
    ['longer', 'three'],
    ['none', ''],
  ] as const;
  expect(renderFields(fields, { paint: plain }).join('\n')).toBe('a       one\n        two\nlonger  three');
});
