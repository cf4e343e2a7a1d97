import { realpathSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { Option, type Command } from 'commander';
import type { Project } from '@orchestration-sidecar/shared';
import { withClient, type ReadOptions } from './client-command.ts';
import { gitRoot } from './git-root.ts';
import { whileWaiting } from './progress.ts';
import { cleanText } from './render/text.ts';
import type { Terminal } from './terminal.ts';

/**
 * `--project`. Where several are registered and none is named, it means the one that holds the directory the person
 * stands in; outside of all of them the sidecar asks for a name.
 */
export class ProjectOption extends Option {
  /** Whether agents may begin to work on the project: whoever stands in another repository is told which it is. */
  readonly beginsWork: boolean;

  /** @param meaning What the project is to the command, for the help. */
  constructor(meaning = 'project', beginsWork = false) {
    super('--project <project>', `${meaning} (default: the one you stand in, else the only one)`);
    this.beginsWork = beginsWork;
  }
}

interface OfProject extends ReadOptions {
  readonly project?: string;
}

/** Fills in the {@link ProjectOption} of a command that is about to run, where it has one and nobody has. */
export async function fillInProject(command: Command, terminal: Terminal): Promise<void> {
  const options: OfProject = command.opts();
  const option = command.options.find((each) => each instanceof ProjectOption);
  // An agent's token says which project it is of.
  if (!option || options.project !== undefined || terminal.environment['AGENT_ID']) return;
  const projects = await projectsOf(options, terminal);
  const cwd = realpathSync(terminal.cwd);
  const around = projects.filter(({ root }) => holds(root, cwd));
  // Of one inside of another, the inner one.
  const [inner] = around.toSorted((one, other) => other.root.length - one.root.length);
  const [only, second] = projects;
  if (inner && second) command.setOptionValue('project', inner.project_id);
  if (only && !second && !inner && option.beginsWork && terminal.notesAreTerminal && gitRoot(cwd) !== null) {
    terminal.note(
      `This is work on ${cleanText(only.root)}, the only project; \`sidecar project add .\` makes one of this folder.`,
    );
  }
}

async function projectsOf(options: OfProject, terminal: Terminal): Promise<readonly Project[]> {
  return withClient(options, terminal, async (client) => {
    const { projects } = await whileWaiting(terminal, 'Asking the sidecar', client.projects.list({}));
    return projects;
  });
}

function holds(root: string, directory: string): boolean {
  const path = relative(root, directory);
  return !isAbsolute(path) && path.split(/[/\\]/)[0] !== '..';
}
