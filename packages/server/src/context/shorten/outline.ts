/**
 * Outline of a document: its headings, and the first sentence under each, as far as they fit. Null when it has no
 * headings, or not even two of them fit.
 */
export function outline(text: string, fits: (text: string) => boolean): string | null {
  const sections = sectionsOf(text);
  if (sections.length < 2) return null;
  const render = (deepest: number, sentences: boolean): string =>
    sections
      .filter(({ level }) => level <= deepest)
      .map(
        ({ heading, level, sentence }) =>
          `${'#'.repeat(level)} ${heading}${sentences && sentence !== '' ? `\n${sentence}` : ''}`,
      )
      .join('\n');
  for (const sentences of [true, false]) {
    for (let deepest = 6; deepest >= 1; deepest--) {
      const kept = sections.filter(({ level }) => level <= deepest).length;
      const summary = `${render(deepest, sentences)}\n… outline of ${text.split('\n').length} lines …`;
      if (kept >= 2 && fits(summary)) return summary;
    }
  }
  return null;
}

interface Section {
  readonly level: number;
  readonly heading: string;
  sentence: string;
}

const UNDERLINE = /^(?:={3,}|-{3,}|~{3,}|\^{3,}|\*{3,})\s*$/;

function sectionsOf(text: string): Section[] {
  const sections: Section[] = [];
  const underlines: string[] = [];
  let fence: string | null = null;
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const opening = /^\s*(```|~~~)/.exec(line)?.[1];
    if (opening !== undefined) fence = fence === null ? opening : fence === opening ? null : fence;
    if (fence !== null || opening !== undefined) continue;
    const marked = /^(#{1,6}|={1,6})\s+(.+?)\s*[#=]*\s*$/.exec(line);
    const next = lines[index + 1] ?? '';
    if (marked !== null) {
      sections.push({ level: (marked[1] ?? '').length, heading: marked[2] ?? '', sentence: '' });
    } else if (
      line.trim() !== '' &&
      UNDERLINE.test(next) &&
      !UNDERLINE.test(line) &&
      next.trim().length + 2 >= line.trim().length
    ) {
      const mark = next[0] ?? '=';
      if (!underlines.includes(mark)) underlines.push(mark);
      sections.push({ level: Math.min(6, underlines.indexOf(mark) + 1), heading: line.trim(), sentence: '' });
    } else {
      const last = sections.at(-1);
      if (last?.sentence === '' && /^[A-Za-z0-9"'`*_([]/.test(line.trim()) && !UNDERLINE.test(line)) {
        last.sentence = (/^.{0,300}?[.!?](?=\s|$)/.exec(line.trim())?.[0] ?? line.trim()).slice(0, 300);
      }
    }
  }
  return sections;
}
