import { describe, expect, it } from 'vitest';
import { fullView, inlineView, type LiveView } from './live-view.ts';
import { plain, type Terminal } from './terminal.ts';

/** Just enough of a terminal: rows that are written over, with what goes beyond the width on the next row. */
class Screen {
  readonly rows: string[] = [''];
  columns: number;
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  readonly terminal: Terminal = {
    environment: {},
    cwd: '/',
    print: (text) => this.#write(`${text}\n`),
    note: () => undefined,
    write: (text) => this.#write(text),
    writeNote: () => undefined,
    outputClosed: new AbortController().signal,
    outputIsTerminal: true,
    notesAreTerminal: true,
    size: () => ({ columns: this.columns, rows: 8 }),
    paint: plain,
    paintNote: plain,
    readInput: () => Promise.resolve(''),
  };

  /** Breaks rows anew, as most terminals do when they are made narrower. */
  narrow(columns: number): void {
    this.columns = columns;
    const broken = this.rows.flatMap((row) => row.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? ['']);
    this.rows.splice(0, this.rows.length, ...broken);
    this.#row = broken.length - 1;
  }

  #write(text: string): void {
    for (const [part, , count = '', kind] of text.matchAll(/(\p{Control}\[\??(\d*)([A-Za-z]))|\r|\n|./gu)) {
      if (part === '\n') this.#move(this.#row + 1, 0);
      else if (part === '\r' || kind === 'H') this.#move(kind === 'H' ? 0 : this.#row, 0);
      else if (kind === 'A') this.#move(Math.max(0, this.#row - Number(count)), this.#column);
      else if (kind === 'K') this.rows[this.#row] = this.#text.slice(0, this.#column);
      else if (kind === 'J') this.rows.splice(this.#row, Infinity, this.#text.slice(0, this.#column));
      else if (kind === undefined) this.#put(part);
    }
  }

  #put(character: string): void {
    if (this.#column === this.columns) this.#move(this.#row + 1, 0);
    this.rows[this.#row] = this.#text.slice(0, this.#column) + character + this.#text.slice(this.#column + 1);
    this.#column += 1;
  }

  #move(row: number, column: number): void {
    [this.#row, this.#column] = [row, column];
    while (this.rows.length <= row) this.rows.push('');
  }

  get #text(): string {
    return this.rows[this.#row] ?? '';
  }
}

const VIEWS: readonly (readonly [string, (terminal: Terminal) => LiveView])[] = [
  ['inline', inlineView],
  ['full', fullView],
];

describe.each(VIEWS)('the %s view', (_name, open) => {
  it('draws in place of what it drew, also where a line takes several rows', () => {
    const screen = new Screen(10);
    const view = open(screen.terminal);
    for (const count of [1, 2, 3]) view.show(['-'.repeat(10), `a command of more than ten, ${count}`, 'end']);
    view.close();
    expect(screen.rows).toEqual(['----------', 'a command ', 'of more th', 'an ten, 3', 'end', '']);
  });

  it('shows as many whole lines as there is room for', () => {
    const screen = new Screen(10);
    const view = open(screen.terminal);
    view.show(['1', '2'.repeat(30), '3'.repeat(20), '4'.repeat(11), '5']);
    view.close();
    expect(screen.rows).toEqual([
      '1',
      '2'.repeat(10),
      '2'.repeat(10),
      '2'.repeat(10),
      '3'.repeat(10),
      '3'.repeat(10),
      '',
    ]);
  });
});

it('the inline view leaves nothing behind when the terminal is made narrower, and keeps what was logged', () => {
  const screen = new Screen(20);
  const view = inlineView(screen.terminal);
  view.log('first');
  view.show(['-'.repeat(20), 'title']);
  screen.narrow(10);
  view.show(['-'.repeat(10), 'title']);
  view.log('second');
  view.close();
  expect(screen.rows).toEqual(['first', 'second', '----------', 'title', '']);
});
