import { createRequire } from 'node:module';
import type * as TreeSitter from 'web-tree-sitter';
import type { Language, Node, Tree } from 'web-tree-sitter';

/** Grammar of each language that one is at hand for. */
const GRAMMARS: Readonly<Record<string, string>> = {
  typescript: 'typescript',
  javascript: 'javascript',
  python: 'python',
  go: 'go',
  rust: 'rust',
  java: 'java',
  c: 'cpp',
  cpp: 'cpp',
  cuda: 'cpp',
  csharp: 'c-sharp',
  ruby: 'ruby',
  php: 'php',
  shell: 'bash',
  css: 'css',
  powershell: 'powershell',
  ini: 'ini',
};

/** Texts larger than this are not parsed: it would take seconds. */
export const MAX_PARSED_CHARS = 512 * 1024;
/** Longest that one parse may take. */
const PARSE_MS = 1500;

const resolver = createRequire(import.meta.url);
let runtime: Promise<typeof TreeSitter> | undefined;
const languages = new Map<string, Promise<Language | null>>();

/**
 * Parses a text and hands its tree to `use`, freeing it after. Null when there is no grammar for the language, or the
 * text is too large or takes too long.
 */
export async function withSyntax<T>(
  path: string,
  language: string | null,
  text: string,
  use: (root: Node) => T,
): Promise<T | null> {
  const grammar = path.endsWith('.tsx') ? 'tsx' : GRAMMARS[language ?? ''];
  if (grammar === undefined || text.length > MAX_PARSED_CHARS) return null;
  const loaded = await load(grammar);
  if (loaded === null) return null;
  const { Parser } = await treeSitter();
  const parser = new Parser();
  let tree: Tree | null = null;
  try {
    parser.setLanguage(loaded);
    const deadline = performance.now() + PARSE_MS;
    tree = parser.parse(text, null, { progressCallback: () => performance.now() > deadline });
    return tree === null ? null : use(tree.rootNode);
  } finally {
    tree?.delete();
    parser.delete();
  }
}

function load(grammar: string): Promise<Language | null> {
  let loading = languages.get(grammar);
  if (loading === undefined) {
    loading = treeSitter()
      .then(({ Language: grammars }) =>
        grammars.load(resolver.resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${grammar}.wasm`)),
      )
      // Without its grammar a file is shortened by lines.
      .catch(() => null);
    languages.set(grammar, loading);
  }
  return loading;
}

function treeSitter(): Promise<typeof TreeSitter> {
  runtime ??= import('web-tree-sitter').then(async (module) => {
    await module.Parser.init();
    return module;
  });
  return runtime;
}
