import type { Style, Terminal } from '../terminal.ts';
import { cleanText, cut, pad, widthOf } from './text.ts';

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly style?: (row: Row) => Style | undefined;
  readonly align?: 'left' | 'right';
  /** Gives way when the table is too wide for the terminal. */
  readonly flexible?: boolean;
}

const GAP = '  ';
/** Narrowest a column becomes, in columns of the terminal: while that can do, and where it must. */
const LEAST = [8, 3] as const;

/** Lines of a table, with a line of titles. On a terminal it is made to fit; anywhere else nothing is cut off. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  terminal: TableTarget,
): string[] {
  const cells = rows.map((row) => columns.map((column) => cleanText(column.text(row))));
  const titles = columns.map(({ title }) => title.toUpperCase());
  const natural = columns.map((_, index) => Math.max(...[titles, ...cells].map((line) => widthOf(line[index] ?? ''))));
  const widths = terminal.outputIsTerminal ? fitted(columns, natural, terminal.size().columns) : natural;

  const render = (line: readonly string[], styleOf: (column: Column<Row>) => Style | undefined): string =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0;
        const text = cut(line[index] ?? '', width);
        const space = ' '.repeat(Math.max(0, width - widthOf(text)));
        const style = styleOf(column);
        const shown = style === undefined ? text : terminal.paint(style, text);
        return column.align === 'right' ? space + shown : shown + space;
      })
      .join(GAP)
      .trimEnd();

  return [
    render(titles, () => 'dim'),
    ...rows.map((row, index) => render(cells[index] ?? [], (column) => column.style?.(row))),
  ];
}

/** What a table needs to know of where it is shown. */
export type TableTarget = Pick<Terminal, 'outputIsTerminal' | 'size' | 'paint'>;

/** Lines of names and values, the values aligned. Empty values are left out. */
export function renderFields(
  fields: readonly (readonly [name: string, value: string])[],
  terminal: Pick<Terminal, 'paint'>,
): string[] {
  const shown = fields.filter(([, value]) => value !== '');
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)));
  return shown.map(([name, value]) => {
    const [first = '', ...rest] = cleanText(value, '\n').split('\n');
    const indent = ' '.repeat(width + GAP.length);
    return [`${terminal.paint('dim', pad(name, width))}${GAP}${first}`, ...rest.map((line) => indent + line)].join(
      '\n',
    );
  });
}

function fitted<Row>(columns: readonly Column<Row>[], natural: readonly number[], total: number): number[] {
  const widths = [...natural];
  const sum = (): number => widths.reduce((all, width) => all + width, 0) + GAP.length * (widths.length - 1);
  for (const least of LEAST) {
    for (let over = sum() - total; over > 0; over = sum() - total) {
      // The widest column that may give way gives way; rigid ones only when no flexible one can any more.
      const candidates = widths.map((width, index) => ({ width, index, flexible: columns[index]?.flexible === true }));
      const widest = candidates
        .filter(({ width }) => width > least)
        .toSorted((a, b) => Number(b.flexible) - Number(a.flexible) || b.width - a.width)[0];
      if (!widest) break;
      widths[widest.index] = Math.max(least, widest.width - over);
    }
  }
  return widths;
}
