import type { Need } from '../attention.ts';
import type { BoardTarget } from './board-target.ts';
import { cleanText, wrap } from './text.ts';

/** What needs a person, each with the command that helps. Never cut off: it is what a person came to see. */
export function needLines(needs: readonly Need[], { paint, columns }: BoardTarget): string[] {
  return needs.flatMap(({ about, what, command }) => {
    const [first = '', ...rest] = wrap(cleanText(`${about}: ${what}`), columns - 13);
    return [
      `${paint('red', '! needs you')}  ${paint('bold', first)}`,
      ...rest.map((line) => `             ${paint('bold', line)}`),
      `             ${paint('cyan', command)}`,
    ];
  });
}
