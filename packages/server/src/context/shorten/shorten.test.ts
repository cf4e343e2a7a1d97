import type { ContextFile } from '@orchestration-sidecar/shared';
import { describe, expect, it } from 'vitest';
import { Budget } from '../budget.ts';
import { compress } from './compress.ts';
import { outline } from './outline.ts';
import { sampleLines } from './sample-lines.ts';
import { shortenFile, type Strategy } from './shorten.ts';

const file = (path: string, language: string, content: string): ContextFile => ({
  path,
  language,
  content,
  last_modified: '2026-01-01T00:00:00Z',
  size: content.length,
  checksum: 'sha256:',
  truncated: false,
  score: 1,
  reasons: [],
});
const within =
  (maxBytes: number) =>
  (text: string): boolean =>
    Buffer.byteLength(JSON.stringify(text)) <= maxBytes;

describe('shorten', () => {
  it('takes comments and blank lines out by the syntax tree, never out of strings', async () => {
    const python =
      'x = "# no comment"\n\n# a comment\ndef f():\n    """doc\n\n    string"""\n    return x  # trailing\n';
    expect(await compress('a.py', 'python', python)).toBe(
      'x = "# no comment"\ndef f():\n    """doc\n\n    string"""\n    return x',
    );
    const script = 'const u = "http://x"; // gone\n/* gone\n too */\nconst t = `a\n\n// stays`;\n';
    expect(await compress('a.ts', 'typescript', script)).toBe('const u = "http://x";\nconst t = `a\n\n// stays`;');
    expect(await compress('a.zig', 'zig', 'x')).toBeNull();
  });

  it.each([
    ['a.ts', 'typescript', 'const a: string = "// in"; // out\n'],
    ['a.tsx', 'typescript', 'const a = <b title="// in">x</b>; // out\n'],
    ['a.js', 'javascript', 'const a = "// in"; // out\n'],
    ['a.py', 'python', 'a = "# in"  # out\n'],
    ['a.go', 'go', 'package a\n\nvar a = "// in" // out\n'],
    ['a.rs', 'rust', 'fn a() -> &str { "// in" } // out\n'],
    ['A.java', 'java', 'class A { String a = "// in"; /* out */ }\n'],
    ['a.c', 'c', 'char *a = "/* in */"; /* out */\n'],
    ['a.cc', 'cpp', 'auto a = "// in"; // out\n'],
    ['A.cs', 'csharp', 'class A { string a = "// in"; } // out\n'],
    ['a.rb', 'ruby', 'a = "# in" # out\n'],
    ['a.php', 'php', '<?php\n$a = "# in"; # out\n'],
    ['a.sh', 'shell', '#!/bin/sh\na="# in" # out\n'],
    ['a.css', 'css', 'a { content: "/* in */"; } /* out */\n'],
    ['a.ps1', 'powershell', '$a = "# in" # out\n'],
  ])(
    'has a grammar for %s: what looks like a comment stays in a string, and its blocks stay whole',
    async (path, language, text) => {
      const short = await compress(path, language, text);
      expect(short).toMatch(/ in( \*\/)?"/);
      expect(short).not.toContain('out');
      // Nothing but the comment, and blank lines, went.
      const bare = (code: string): string => code.replace(/(?:\/\/|#|\/\*) out(?: \*\/)?/, '').replaceAll(/\s+/g, '');
      expect(bare(short ?? '')).toBe(bare(text));
    },
  );

  it('keeps whole functions around what the task is about', async () => {
    const functions = Array.from(
      { length: 40 },
      (_, index) => `function f${index}() {\n  return ${index}; // ${'x'.repeat(60)}\n}`,
    );
    const text = `import a from 'a';\n\n${functions.join('\n\n')}\n`;
    const used = new Set<Strategy>();
    const wanted = text.split('\n').findIndex((line) => line.includes('function f27'));
    const score = (from: number, to: number): number => (from <= wanted && wanted <= to ? 10 : 0);
    const bare = text.replaceAll(/ \/\/ x+/g, '');
    const short = await shortenFile(
      file('a.js', 'javascript', bare),
      new Budget({ maxBytes: 600 }, null).part(1),
      score,
      used,
    );
    expect([...used]).toEqual(['semantic_chunking']);
    expect(short?.content).toContain('function f27() {\n  return 27;\n}');
    expect(short?.content).toContain("import a from 'a';");
    expect(short?.content).toMatch(/… \d+ lines left out …/);
    const compressed = await shortenFile(
      file('a.js', 'javascript', text),
      new Budget({ maxBytes: 2200 }, null).part(1),
      score,
      used,
    );
    expect(compressed?.reasons).toEqual(['shortened: compression']);
  });

  it('outlines documents', () => {
    const text =
      '# Title\nIntro sentence. More of it.\n\n## Part\n```\n# no heading\n```\nBody text here.\n\nOther\n-----\nLast.\n';
    expect(outline(text, within(200))).toBe(
      '# Title\nIntro sentence.\n## Part\nBody text here.\n# Other\nLast.\n… outline of 13 lines …',
    );
    expect(outline(text, within(60))).toBe('# Title\n## Part\n# Other\n… outline of 13 lines …');
    expect(outline(text, within(30))).toBeNull();
    expect(outline('no headings', within(100))).toBeNull();
  });

  it('samples the first and last lines, and gives up where two do not fit', () => {
    const text = Array.from({ length: 100 }, (_, index) => `line ${index}`).join('\n');
    const sampled = sampleLines(text, within(200));
    expect(sampled).toMatch(/^line 0\nline 1\n[^]*\n… \d+ lines left out …\n[^]*line 99$/);
    expect(sampleLines(text, within(20))).toBeNull();
  });
});
