/** Language of a file by its ending, lower-case, as profiles name languages. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  ts: 'typescript', mts: 'typescript', cts: 'typescript', tsx: 'typescript',
  js: 'javascript', mjs: 'javascript', cjs: 'javascript', jsx: 'javascript',
  vue: 'vue', svelte: 'svelte', astro: 'astro',
  py: 'python', pyi: 'python', pyx: 'python', pxd: 'python', ipynb: 'jupyter',
  go: 'go', rs: 'rust', java: 'java', kt: 'kotlin', kts: 'kotlin', scala: 'scala', sc: 'scala',
  groovy: 'groovy', gradle: 'groovy', clj: 'clojure', cljs: 'clojure', cljc: 'clojure',
  c: 'c', h: 'c', cc: 'cpp', cpp: 'cpp', cxx: 'cpp', hpp: 'cpp', hh: 'cpp', hxx: 'cpp', ipp: 'cpp', inl: 'cpp',
  cu: 'cuda', cuh: 'cuda', m: 'objective-c', mm: 'objective-c', swift: 'swift',
  cs: 'csharp', fs: 'fsharp', fsx: 'fsharp', vb: 'visual-basic', xaml: 'xaml', razor: 'razor', cshtml: 'razor',
  rb: 'ruby', rake: 'ruby', gemspec: 'ruby', erb: 'erb', php: 'php', phtml: 'php', twig: 'twig', blade: 'php',
  pl: 'perl', pm: 'perl', t: 'perl', lua: 'lua', r: 'r', jl: 'julia', dart: 'dart', ex: 'elixir', exs: 'elixir',
  erl: 'erlang', hrl: 'erlang', hs: 'haskell', lhs: 'haskell', ml: 'ocaml', mli: 'ocaml', elm: 'elm', nim: 'nim',
  zig: 'zig', v: 'v', d: 'd', cr: 'crystal', f90: 'fortran', f: 'fortran', f95: 'fortran', pas: 'pascal',
  asm: 'assembly', s: 'assembly', el: 'emacs-lisp', lisp: 'lisp', scm: 'scheme', rkt: 'racket', vim: 'vimscript',
  sol: 'solidity', move: 'move', cairo: 'cairo', sql: 'sql', psql: 'sql', prisma: 'prisma',
  sh: 'shell', bash: 'shell', zsh: 'shell', fish: 'shell', bats: 'shell', ps1: 'powershell', psm1: 'powershell',
  bat: 'batch', cmd: 'batch', awk: 'awk', tcl: 'tcl',
  html: 'html', htm: 'html', css: 'css', scss: 'scss', sass: 'sass', less: 'less', styl: 'stylus',
  hbs: 'handlebars', ejs: 'ejs', pug: 'pug', j2: 'jinja', jinja: 'jinja', liquid: 'liquid', mustache: 'mustache',
  proto: 'protobuf', thrift: 'thrift', graphql: 'graphql', gql: 'graphql', avsc: 'avro', idl: 'idl',
  tf: 'terraform', tfvars: 'terraform', hcl: 'hcl', bicep: 'bicep', nix: 'nix', cmake: 'cmake', mk: 'make', bzl: 'starlark',
  json: 'json', jsonc: 'json', json5: 'json', yaml: 'yaml', yml: 'yaml', toml: 'toml', ini: 'ini', cfg: 'ini',
  conf: 'ini', properties: 'properties', xml: 'xml', xsd: 'xml', xsl: 'xml', csproj: 'xml', fsproj: 'xml',
  md: 'markdown', mdx: 'markdown', markdown: 'markdown', rst: 'restructuredtext', adoc: 'asciidoc', txt: 'text',
  tex: 'latex', org: 'org', puml: 'plantuml', plantuml: 'plantuml', mmd: 'mermaid', dot: 'graphviz', csv: 'csv',
  qml: 'qml', ui: 'xml', in: 'template', tmpl: 'template', ac: 'autoconf', am: 'automake', y: 'yacc', l: 'lex',
};

const BY_NAME: Readonly<Record<string, string>> = {
  dockerfile: 'dockerfile', containerfile: 'dockerfile', makefile: 'make', gnumakefile: 'make', rakefile: 'ruby',
  gemfile: 'ruby', vagrantfile: 'ruby', podfile: 'ruby', jenkinsfile: 'groovy', 'cmakelists.txt': 'cmake',
  'build.bazel': 'starlark', build: 'starlark', workspace: 'starlark', justfile: 'just', procfile: 'procfile',
  'go.mod': 'go-module', 'meson.build': 'meson',
};

/** Languages that are written by people to run; the rest describes, configures or documents. */
const NOT_CODE = new Set([
  'json', 'yaml', 'toml', 'ini', 'properties', 'xml', 'markdown', 'restructuredtext', 'asciidoc', 'text', 'latex', 'org',
  'plantuml', 'mermaid', 'graphviz', 'csv', 'jupyter', 'go-module', 'procfile', 'template',
]);

/** Language of a path, or null when its name does not say. */
export function languageOf(path: string): string | null {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const known = BY_NAME[name];
  if (known !== undefined) return known;
  if (name.startsWith('dockerfile.') || name.endsWith('.dockerfile')) return 'dockerfile';
  const dot = name.lastIndexOf('.');
  return dot < 0 ? null : (BY_EXTENSION[name.slice(dot + 1)] ?? null);
}

/** Whether a language is program code. */
export function isCode(language: string | null): boolean {
  return language !== null && !NOT_CODE.has(language);
}
