import type { Node } from 'web-tree-sitter';
import { jsonBytes } from '../budget.ts';
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

/** What a remark on missing lines costs at most. */
const GAP_BYTES = 40;
const HEAD_LINES = 30;

/**
 * Keeps the whole functions and classes of a text that `scoreLines` finds most telling, and the file’s head, and says
 * between them how many lines are missing. `maxBytes` bounds the result as JSON. Null when the text cannot be parsed, or
 * not even the best unit fits.
 */
export async function keepChunks(
  path: string,
  language: string | null,
  text: string,
  maxBytes: number,
  scoreLines: (from: number, to: number) => number,
): Promise<string | null> {
  const units = await withSyntax(path, language, text, (root) => unitsOf(root, scoreLines));
  if (units === null || units.length === 0) return null;
  const lines = text.split('\n');
  const costs = lines.map((line) => jsonBytes(line));
  const kept = new Uint8Array(lines.length);
  let room = maxBytes - 2 * GAP_BYTES;
  const keep = (from: number, to: number): boolean => {
    let cost = GAP_BYTES;
    for (let line = from; line <= to && line < lines.length; line++) if (kept[line] === 0) cost += costs[line] ?? 0;
    if (cost > room) return false;
    kept.fill(1, from, to + 1);
    room -= cost;
    return true;
  };
  // What stands before the first definition: imports and constants, which the rest is read with.
  const first = units.find(({ from, to }) => to > from)?.from ?? 0;
  const head = Math.min(HEAD_LINES, first) - 1;
  if (head >= 0 && costs.slice(0, head + 1).reduce((sum, cost) => sum + cost, 0) < room / 4) keep(0, head);
  let any = false;
  for (const { from, to } of units.toSorted((a, b) => b.score - a.score || a.from - b.from)) {
    if (room < GAP_BYTES) break;
    if (keep(from, to)) any = true;
  }
  return any ? render(lines, kept) : null;
}

function unitsOf(root: Node, scoreLines: (from: number, to: number) => number): Unit[] {
  const units: Unit[] = [];
  const visit = (node: Node, depth: number): void => {
    for (const child of node.namedChildren) {
      if (child === null) continue;
      const from = child.startPosition.row;
      const to =
        child.endPosition.column === 0 && child.endPosition.row > from
          ? child.endPosition.row - 1
          : child.endPosition.row;
      const long = to - from > LONG_LINES;
      if (
        long &&
        depth < 4 &&
        child.namedChildCount > 0 &&
        (DEFINITION.test(child.type) || /body|block|declaration|export|list|program/.test(child.type))
      ) {
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

function render(lines: readonly string[], kept: Uint8Array): string {
  const parts: string[] = [];
  let missing = 0;
  for (const [index, line] of lines.entries()) {
    if (kept[index] === 0) {
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
