/** What a terminal would act on instead of showing it, and marks that reorder the text around them. */
const UNSAFE = /[\p{Control}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6])/u;
const ZERO_WIDTH = /^(?:\p{Mark}|\p{Default_Ignorable_Code_Point})+$/u;
// What terminals are told to draw in colour; nothing else with an escape is ever in a text that is measured.
const COLOUR = /\p{Control}\[[0-9;]*m/gu;
/** Made when it is first used: that reads Unicode's tables, which takes longer than anything else a command loads. */
let segmenter: Intl.Segmenter | undefined;

/**
 * Makes a text of agents safe to show: an escape sequence in a file name or a summary must not reach the terminal.
 * Line breaks become spaces unless they are kept.
 */
export function cleanText(text: string, keep: '' | '\n' = ''): string {
  const line = keep === '\n' ? text.replaceAll(/\r\n?/g, '\n') : text.replaceAll(/\s+/g, ' ');
  return line.replaceAll(UNSAFE, (character) => (character === '\n' ? '\n' : character === '\t' ? '  ' : '�'));
}

/** How many columns of a terminal a line takes; colours take none. */
export function widthOf(line: string): number {
  let width = 0;
  for (const { segment } of graphemesOf(line.replaceAll(COLOUR, ''))) width += columnsOf(segment);
  return width;
}

/** Cuts a text without colours to a number of columns; what is cut off is marked by `…`. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const { segment } of graphemesOf(text)) {
    width += columnsOf(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return columns < 1 ? '' : `${kept.trimEnd()}…`;
}

/** Fills a text up with spaces on its right. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

/** Breaks a text into lines of at most so many columns, at spaces where there are any. */
export function wrap(text: string, columns: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (widthOf(longer) <= columns || line === '') line = longer;
      else {
        lines.push(line);
        line = word;
      }
    }
    return [...lines, line];
  });
}

function columnsOf(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}
