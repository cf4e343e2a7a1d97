import type { Node } from 'web-tree-sitter';
import { withSyntax } from '../syntax.ts';

/**
 * A text without its comments and blank lines, found by its syntax tree, so that a `#` in a string stays. Null when
 * it cannot be parsed.
 */
export async function compress(path: string, language: string | null, text: string): Promise<string | null> {
  const comments = await withSyntax(path, language, text, (root) => {
    const found: [number, number][] = [];
    // A tree with errors may take code for a comment.
    if (root.hasError && countErrors(root) > 20) return null;
    collect(root, found);
    return found;
  });
  if (comments === null) return null;
  const parts: string[] = [];
  let from = 0;
  for (const [start, end] of comments) {
    parts.push(text.slice(from, start));
    from = end;
  }
  parts.push(text.slice(from));
  return withoutBlankLines(parts.join(''), await multilineStrings(path, language, parts.join('')));
}

function collect(root: Node, found: [number, number][]): void {
  const cursor = root.walk();
  for (;;) {
    const isComment = /comment/.test(cursor.nodeType) && !cursor.nodeType.endsWith('content');
    if (isComment && !cursor.nodeText.startsWith('#!')) found.push([cursor.startIndex, cursor.endIndex]);
    if (!isComment && cursor.gotoFirstChild()) continue;
    while (!cursor.gotoNextSibling()) {
      if (!cursor.gotoParent()) {
        cursor.delete();
        return;
      }
    }
  }
}

/** Lines that lie within one token, where a blank line is content. */
async function multilineStrings(path: string, language: string | null, text: string): Promise<ReadonlySet<number>> {
  const lines = await withSyntax(path, language, text, (root) => {
    const inside = new Set<number>();
    const cursor = root.walk();
    for (;;) {
      const opaque = /string|template|heredoc|raw_text|text|literal/.test(cursor.nodeType);
      const from = cursor.startPosition.row;
      const to = cursor.endPosition.row;
      if (opaque && to > from) for (let line = from; line <= to; line++) inside.add(line);
      if (to > from && !opaque && cursor.gotoFirstChild()) continue;
      let climbed = true;
      while (!cursor.gotoNextSibling()) {
        if (!cursor.gotoParent()) {
          climbed = false;
          break;
        }
      }
      if (!climbed) break;
    }
    cursor.delete();
    return inside;
  });
  return lines ?? new Set();
}

function withoutBlankLines(text: string, keep: ReadonlySet<number>): string {
  return text
    .split('\n')
    .map((line, index) => (keep.has(index) ? line : line.trimEnd()))
    .filter((line, index) => line !== '' || keep.has(index))
    .join('\n');
}

function countErrors(root: Node): number {
  return root.descendantsOfType('ERROR').length;
}
