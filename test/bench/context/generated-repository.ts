import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILES_A_DIRECTORY = 25;
const FUNCTIONS_A_FILE = 12;

/** Writes a git repository of made-up code in three languages; the same count gives the same files. Answers words it uses. */
export function writeRepository(root: string, fileCount: number): string[] {
  let seed = fileCount;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed >>> 8) % below;
  };
  const syllables = [
    'ba',
    'co',
    'du',
    'fer',
    'gal',
    'hin',
    'jor',
    'kel',
    'lum',
    'mor',
    'nas',
    'pol',
    'qui',
    'ran',
    'sel',
    'tor',
  ];
  const word = (): string => Array.from({ length: 2 + next(2) }, () => syllables[next(syllables.length)]).join('');
  const words = Array.from({ length: Math.max(400, fileCount) }, word);
  const some = (): string => words[next(words.length)] ?? 'word';
  for (let index = 0; index < fileCount; index++) {
    const area = Math.floor(index / FILES_A_DIRECTORY);
    const kind = index % 10;
    const [directory, ending, write] =
      kind === 9
        ? (['docs', 'md', page] as const)
        : kind >= 7
          ? (['src', 'py', python] as const)
          : (['src', 'ts', typescript] as const);
    put(root, `${directory}/area${area}/module${index}.${ending}`, write(some));
  }
  put(root, 'package.json', '{ "name": "generated", "dependencies": { "zod": "4" } }\n');
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', ...args], {
      cwd: root,
      stdio: 'ignore',
    });
  };
  git('init', '--quiet');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Generated');
  return words;
}

function typescript(some: () => string): string {
  const parts = Array.from({ length: FUNCTIONS_A_FILE }, () => {
    const [name, from, to] = [capital(some()), some(), some()];
    return `/** Says ${some()} of ${some()} when ${some()} is ${some()}. */
export function ${from}${name}(${to}: ${capital(to)}): ${capital(from)} {
  // ${some()} ${some()} ${some()}
  const ${some()} = ${some()}(${to}.${some()}, '${some()} ${some()}');
  if (${to}.${some()} === undefined) return ${some()}${capital(some())}(${to});
  return { ...${some()}, ${from}: ${to}.${some()} };
}
`;
  });
  return `import { ${some()} } from './${some()}.ts';\n\n${parts.join('\n')}`;
}

function python(some: () => string): string {
  const parts = Array.from({ length: FUNCTIONS_A_FILE }, () => {
    const to = some();
    return `def ${some()}_${some()}(${to}):
    """Says ${some()} of ${some()} when ${some()} is ${some()}."""
    # ${some()} ${some()}
    if ${to}.${some()} is None:
        return ${some()}(${to}, "${some()}")
    return [${some()} for ${some()} in ${to}.${some()}]
`;
  });
  return `from ${some()} import ${some()}\n\n${parts.join('\n\n')}`;
}

function page(some: () => string): string {
  return Array.from(
    { length: 8 },
    () => `# ${some()} ${some()}\n\n${Array.from({ length: 60 }, some).join(' ')}.\n`,
  ).join('\n');
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
