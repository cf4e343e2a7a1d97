import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';
import { gitRoot } from './git-root.ts';
import { cleanText } from './render/text.ts';
import type { Terminal } from './terminal.ts';

/** Which of the definition files to look at. */
export type DefinitionKind = 'agents' | 'workflows';

const NOUN: Readonly<Record<DefinitionKind, string>> = { agents: 'profiles', workflows: 'workflows' };

/**
 * Prints what is wrong with the built-in definitions and those of a directory on top of them; without one, those that
 * `serve` would take from the repository.
 * @throws {CommandFailure} when something is wrong.
 */
export async function reportProblems(
  directory: string | undefined,
  kind: DefinitionKind,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<void> {
  const own = directory === undefined ? ofRepository(terminal.cwd) : [resolve(terminal.cwd, directory)];
  for (const path of own) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new CommandFailure(`${directory} is not a directory.`, {
      exitCode: EXIT.usage,
      recovery: 'Name a directory with agents/ or workflows/ in it.',
    });
  }
  const { builtInProfiles, loadProfiles, referenceProblems } = await import('@orchestration-sidecar/server/profiles');
  const definitions = loadProfiles([builtInProfiles(), ...own]);
  const concerns = (file: string): boolean => (basename(dirname(file)) === 'workflows') === (kind === 'workflows');
  const problems = [...definitions.problems, ...referenceProblems(definitions)]
    .filter(({ file }) => concerns(file))
    .map(({ file, message }) => ({ file: shortest(file, terminal.cwd), message }));
  const count = kind === 'agents' ? definitions.profiles.size : definitions.workflows.size;

  if (options.json) terminal.print(JSON.stringify({ checked: count, problems }, null, 2));
  else if (problems.length > 0)
    terminal.print(problems.map(({ file, message }) => cleanText(`${file}: ${message}`)).join('\n'));
  else terminal.print(`${count} ${NOUN[kind]} are in order.`);
  if (problems.length > 0) {
    throw new CommandFailure(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} found in the ${NOUN[kind]}.`,
    );
  }
}

function ofRepository(cwd: string): string[] {
  const root = gitRoot(cwd);
  const own = root === null ? [] : [join(root, '.sidecar', 'profiles')];
  return own.filter((path) => existsSync(path));
}

function shortest(file: string, cwd: string): string {
  const inside = relative(cwd, file);
  return inside.startsWith('..') ? file : inside;
}
