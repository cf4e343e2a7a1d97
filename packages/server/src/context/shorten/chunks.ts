import type { Node } from 'web-tree-sitter';
import { withSyntax } from '../syntax.ts';

/** A whole function, class or statement, with the lines it covers (0-based, both inclusive). */
interface Unit {
  readonly from: number;
  readonly to: number;
  readonly score: number;
}

const DEFINITION = /function|method|class|struct|interface|impl|trait|enum|module|namespace|constructor|lambda|arrow/;
/** A definition longer than this is opened: its members are units of their own. */
const LONG_LINES = 80;

/**
 * Keeps the whole functions and classes of a text that `scoreLines` finds most telling, and the file’s head, and says
 * between them how many lines are missing. Null when the text cannot be parsed or not even the best unit fits.
 */
export async function keepChunks(
  path: string,
  language: string | null,
  text: string,
  fits: (text: string) => boolean,
  scoreLines: (from: number, to: number) => number,
): Promise<string | null> {
  const lines = text.split('\n');
  const units = await withSyntax(path, language, text, (root) => unitsOf(root, scoreLines));
  if (units === null || units.length === 0) return null;
  const kept = new Set<number>();
  const keep = ({ from, to }: Unit): boolean => {
    const added: number[] = [];
    for (let line = from; line <= to && line < lines.length; line++) if (!kept.has(line)) added.push(line);
    for (const line of added) kept.add(line);
    if (fits(render(lines, kept))) return true;
    for (const line of added) kept.delete(line);
    return false;
  };
  const best = units.toSorted((a, b) => b.score - a.score || a.from - b.from);
  let any = false;
  // What stands before the first definition: imports and constants, which the rest is read with.
  const head = Math.min(30, ...units.filter(({ to, from }) => to > from).map(({ from }) => from - 1));
  if (head >= 0) keep({ from: 0, to: head, score: 0 });
  let refused = 0;
  for (const unit of best) {
    if (keep(unit)) any = true;
    else if (++refused > 24) break;
  }
  return any ? render(lines, kept) : null;
}

function unitsOf(root: Node, scoreLines: (from: number, to: number) => number): Unit[] {
  const units: Unit[] = [];
  const visit = (node: Node, depth: number): void => {
    for (const child of node.namedChildren) {
      if (child === null) continue;
      const from = child.startPosition.row;
      const to = child.endPosition.column === 0 && child.endPosition.row > from ? child.endPosition.row - 1 : child.endPosition.row;
      const long = to - from > LONG_LINES;
      if (long && depth < 4 && child.namedChildCount > 0 && (DEFINITION.test(child.type) || /body|block|declaration|export|list|program/.test(child.type))) {
        // The line that opens it stays with its members.
        units.push({ from, to: from, score: scoreLines(from, from) });
        visit(child, depth + 1);
      } else {
        units.push({ from, to, score: scoreLines(from, to) / Math.sqrt(1 + (to - from) / 20) });
      }
    }
  };
  visit(root, 0);
  return units;
}

function render(lines: readonly string[], kept: ReadonlySet<number>): string {
  const parts: string[] = [];
  let missing = 0;
  for (const [index, line] of lines.entries()) {
    if (!kept.has(index)) {
      missing++;
      continue;
    }
    if (missing > 0) parts.push(`… ${missing} lines left out …`);
    missing = 0;
    parts.push(line);
  }
  if (missing > 0) parts.push(`… ${missing} lines left out …`);
  return parts.join('\n');
}
