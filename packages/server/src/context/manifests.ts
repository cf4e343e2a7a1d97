import { createRequire } from 'node:module';
import type * as Xml from 'fast-xml-parser';
import type * as Toml from 'smol-toml';

const load = createRequire(import.meta.url);

/** Names the dependencies that a manifest declares, by the manifest’s file name; empty when it cannot be read. */
export function dependenciesOf(path: string, text: string): string[] {
  const reader = readerOf(path);
  if (reader === undefined) return [];
  try {
    return reader(text).filter((dependency) => dependency.length > 0 && dependency.length <= 200);
  } catch {
    return [];
  }
}

/** Whether {@link dependenciesOf} reads a manifest of this path. */
export function declaresDependencies(path: string): boolean {
  return readerOf(path) !== undefined;
}

function readerOf(path: string): Reader | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  return READERS.find(([pattern]) => pattern.test(name) || pattern.test(path))?.[1];
}

/** Project type by manifest at the root, most telling first. */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^cargo\.toml$/i, 'rust'],
  [/^go\.mod$/i, 'go'],
  [/^(?:pyproject\.toml|setup\.py|setup\.cfg|requirements[^/]*\.txt|pipfile)$/i, 'python'],
  [/^(?:pom\.xml|build\.gradle|build\.gradle\.kts|settings\.gradle(?:\.kts)?)$/i, 'java'],
  [/^(?:gemfile|[^/]+\.gemspec)$/i, 'ruby'],
  [/^composer\.json$/i, 'php'],
  [/^(?:[^/]+\.(?:csproj|fsproj|sln|vbproj)|directory\.build\.props)$/i, 'dotnet'],
  [/^mix\.exs$/i, 'elixir'],
  [/^pubspec\.ya?ml$/i, 'dart'],
  [/^package\.swift$/i, 'swift'],
  [/^build\.sbt$/i, 'scala'],
  [/^(?:deno\.jsonc?|package\.json)$/i, 'node'],
  [/^(?:cmakelists\.txt|meson\.build|configure\.ac|conanfile\.(?:txt|py))$/i, 'cpp'],
];

const LANGUAGE_TYPES: Readonly<Record<string, string>> = {
  typescript: 'node',
  javascript: 'node',
  python: 'python',
  go: 'go',
  rust: 'rust',
  java: 'java',
  kotlin: 'java',
  ruby: 'ruby',
  php: 'php',
  csharp: 'dotnet',
  fsharp: 'dotnet',
  c: 'cpp',
  cpp: 'cpp',
  elixir: 'elixir',
  dart: 'dart',
  swift: 'swift',
  scala: 'scala',
  shell: 'shell',
};

/**
 * Type of a project: its root manifest, where several compete the one of the language most files are in; without a
 * manifest, that language; null when there is no code.
 */
export function projectType(rootNames: readonly string[], filesByLanguage: ReadonlyMap<string, number>): string | null {
  const byManifest = new Set(
    TYPES.filter(([pattern]) => rootNames.some((name) => pattern.test(name))).map(([, type]) => type),
  );
  const counts = new Map<string, number>();
  for (const [language, files] of filesByLanguage) {
    const type = LANGUAGE_TYPES[language];
    if (type !== undefined) counts.set(type, (counts.get(type) ?? 0) + files);
  }
  const candidates = byManifest.size > 0 ? [...byManifest] : [...counts.keys()];
  return candidates.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0))[0] ?? null;
}

type Reader = (text: string) => string[];

const READERS: readonly (readonly [RegExp, Reader])[] = [
  [/^(?:package|bower)\.json$/, (text) => keysAt(JSON.parse(text), NODE_TABLES)],
  [/^deno\.jsonc?$/, (text) => keysAt(JSON.parse(text), [['imports']])],
  [
    /^composer\.json$/,
    (text) => keysAt(JSON.parse(text), [['require'], ['require-dev']]).filter((name) => name.includes('/')),
  ],
  [/^pyproject\.toml$/, pyproject],
  [/^pipfile$/, (text) => keysAt(parseToml(text), [['packages'], ['dev-packages']])],
  [
    /^requirements[^/]*\.(?:txt|in)$|(?:^|\/)requirements\/[^/]+\.(?:txt|in)$/,
    (text) => text.split('\n').flatMap(requirement),
  ],
  [/^setup\.cfg$/, setupCfg],
  [/^setup\.py$/, setupPy],
  [/^environment\.ya?ml$/, (text) => [...text.matchAll(/^\s*-\s+([A-Za-z0-9][\w.-]*)/gm)].map(first)],
  [/^go\.mod$/, goMod],
  [/^cargo\.toml$/, cargo],
  [/^pom\.xml$/, pom],
  [/^build\.gradle(?:\.kts)?$/, gradle],
  [/^libs\.versions\.toml$/, (text) => Object.values(table(parseToml(text)['libraries'])).flatMap(gradleLibrary)],
  [/^gemfile$/, (text) => [...text.matchAll(/^\s*gem\s*\(?\s*['"]([^'"]+)['"]/gm)].map(first)],
  [
    /\.gemspec$/,
    (text) =>
      [
        ...text.matchAll(/\.add_(?:runtime_|development_)?dependency\s*\(?\s*(?:%[qQ])?['"<({[]([\w.-]+)['">)}\]]/g),
      ].map(first),
  ],
  [/\.(?:cs|fs|vb)proj$/, (text) => packageReferences(text, 'PackageReference')],
  [/^directory\.packages\.props$/, (text) => packageReferences(text, 'PackageVersion')],
  [/^packages\.config$/, (text) => [...text.matchAll(/<package\s[^>]*\bid="([^"]+)"/g)].map(first)],
  [/^mix\.exs$/, (text) => [...text.matchAll(/\{\s*:(\w+)\s*,/g)].map(first)],
  [/^pubspec\.ya?ml$/, pubspec],
  [
    /^package\.swift$/,
    (text) => [...text.matchAll(/\.package\([^)]*url:\s*"([^"]+)"/g)].map((match) => lastPart(first(match))),
  ],
  [
    /^build\.sbt$/,
    (text) => [...text.matchAll(/"([\w.-]+)"\s*%%?%?\s*"([\w.-]+)"/g)].map((match) => `${match[1]}:${match[2]}`),
  ],
  [/^podfile$/, (text) => [...text.matchAll(/^\s*pod\s+['"]([^'"]+)['"]/gm)].map(first)],
  [/^conanfile\.txt$/, (text) => [...text.matchAll(/^([a-z0-9_.+-]+)\/[\w.]/gim)].map(first)],
  [/^vcpkg\.json$/, vcpkg],
];

const NODE_TABLES = [['dependencies'], ['devDependencies'], ['peerDependencies'], ['optionalDependencies']];

function pyproject(text: string): string[] {
  const document = parseToml(text);
  const project = table(document['project']);
  const poetry = table(table(document['tool'])['poetry']);
  const groups = Object.values(table(poetry['group'])).flatMap((group) =>
    Object.keys(table(table(group)['dependencies'])),
  );
  return [
    ...strings(project['dependencies']).flatMap(requirement),
    ...Object.values(table(project['optional-dependencies'])).flatMap(strings).flatMap(requirement),
    ...Object.values(table(document['dependency-groups'])).flatMap(strings).flatMap(requirement),
    ...[
      ...Object.keys(table(poetry['dependencies'])),
      ...Object.keys(table(poetry['dev-dependencies'])),
      ...groups,
    ].filter((name) => name !== 'python'),
  ];
}

function requirement(line: string): string[] {
  const name = /^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:[<>=!~;@#].*|$)/.exec(line)?.[1];
  return name === undefined ? [] : [name];
}

function setupCfg(text: string): string[] {
  const extras = /^\[options\.extras_require\][ \t]*\n((?:(?!\[).*\n?)*)/m.exec(text)?.[1] ?? '';
  const listed = [
    /^install_requires\s*=\s*((?:.*\n(?:[ \t]+.*\n?)*))/m.exec(text)?.[1] ?? '',
    extras.replaceAll(/^[\w.-]+[ \t]*=/gm, ''),
  ];
  return listed.flatMap((block) => block.split(/[\n;]/)).flatMap((line) => requirement(line.trim()));
}

function setupPy(text: string): string[] {
  const listed = /(?:install_requires|requires)\s*=\s*\[([^\]]*)\]/.exec(text)?.[1] ?? '';
  const extras = /extras_require\s*=\s*\{([^}]*)\}/.exec(text)?.[1] ?? '';
  // The extras’ own names stand before a colon.
  const named = [...`${listed}\n${extras}`.matchAll(/['"]([^'"]+)['"](\s*:)?/g)].filter(
    ([, , colon]) => colon === undefined,
  );
  return named.flatMap((match) => requirement(first(match)));
}

function goMod(text: string): string[] {
  const blocks = [...text.matchAll(/^require\s*\(([^)]*)\)/gm)].map(first).join('\n');
  const single = [...text.matchAll(/^require\s+([^\s(]+)\s+v/gm)].map(first);
  return [...[...blocks.matchAll(/^\s*([^\s/][^\s]*)\s+v/gm)].map(first), ...single];
}

function cargo(text: string): string[] {
  const document = parseToml(text);
  const tables = ['dependencies', 'dev-dependencies', 'build-dependencies'];
  const places = [document, table(document['workspace']), ...Object.values(table(document['target'])).map(table)];
  return places.flatMap((place) => tables.flatMap((name) => Object.keys(table(place[name]))));
}

function pom(text: string): string[] {
  const project = table(table(parseXml(text))['project']);
  const profiles = list(table(project['profiles'])['profile']).map(table);
  const lists = [project, ...profiles].flatMap((place) => [place, table(place['dependencyManagement'])]);
  return lists.flatMap((place) =>
    list(table(place['dependencies'])['dependency']).map((entry) => {
      const { groupId, artifactId } = table(entry);
      return typeof artifactId === 'string' ? `${typeof groupId === 'string' ? `${groupId}:` : ''}${artifactId}` : '';
    }),
  );
}

/** A build names its own configurations too: what is written like coordinates behind one is a dependency. */
function gradle(text: string): string[] {
  const configuration = String.raw`\b(?:\w{0,40}(?:[iI]mplementation|[aA]pi|[cC]ompileOnly|[rR]untimeOnly|[cC]ompile|[pP]rocessor)|kapt\w{0,40}|ksp\w{0,40}|classpath)`;
  const written = new RegExp(
    String.raw`${configuration}\s*\(?\s*(?:(?:enforcedP|p)latform\s*\(\s*)?(?:['"]([\w.-]+:[\w.-]+)|group\s*[:=]\s*['"]([\w.-]+)['"]\s*,\s*name\s*[:=]\s*['"]([\w.-]+))`,
    'g',
  );
  return [...text.matchAll(written)].map(([, whole, group, name]) => whole ?? `${group}:${name}`);
}

function gradleLibrary(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry.split(':').slice(0, 2).join(':')];
  const { module, group, name } = table(entry);
  if (typeof module === 'string') return [module];
  return typeof group === 'string' && typeof name === 'string' ? [`${group}:${name}`] : [];
}

function packageReferences(text: string, element: string): string[] {
  const groups = list(table(table(parseXml(text))['Project'])['ItemGroup']);
  return groups.flatMap((group) =>
    list(table(group)[element]).flatMap((entry) => {
      const name = table(entry)['@Include'] ?? table(entry)['@Update'];
      return typeof name === 'string' ? [name] : [];
    }),
  );
}

function pubspec(text: string): string[] {
  const blocks = [...text.matchAll(/^(?:dev_)?dependencies:[ \t]*\n((?:(?:[ \t]+.*|[ \t]*#.*)?\n?)*)/gm)].map(first);
  return blocks.flatMap((block) => [...block.matchAll(/^ {2}([a-z_][\w]*):/gm)].map(first));
}

function vcpkg(text: string): string[] {
  const { dependencies } = table(JSON.parse(text));
  return list(dependencies).flatMap((entry) => {
    const name = typeof entry === 'string' ? entry : table(entry)['name'];
    return typeof name === 'string' ? [name] : [];
  });
}

/** The parsers are loaded with the first manifest that needs one. */
function parseToml(text: string): Readonly<Record<string, unknown>> {
  const { parse } = load('smol-toml') as typeof Toml;
  return parse(text);
}

function parseXml(text: string): unknown {
  const { XMLParser } = load('fast-xml-parser') as typeof Xml;
  // Entities stay as they are written: a document cannot blow itself up.
  return new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@', processEntities: false }).parse(text);
}

function keysAt(document: unknown, places: readonly (readonly string[])[]): string[] {
  return places.flatMap((place) =>
    Object.keys(table(place.reduce<unknown>((value, key) => table(value)[key], document))),
  );
}

function table(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function strings(value: unknown): string[] {
  return list(value).filter((entry) => typeof entry === 'string');
}

function first(match: RegExpMatchArray): string {
  return match[1] ?? '';
}

function lastPart(url: string): string {
  return (
    url
      .replace(/\.git$/, '')
      .split('/')
      .at(-1) ?? ''
  );
}
