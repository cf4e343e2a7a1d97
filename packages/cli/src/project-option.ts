import { realpathSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { Option, type Command } from 'commander';
import { withClient, type ReadOptions } from './client-command.ts';
import { whileWaiting } from './progress.ts';
import type { Terminal } from './terminal.ts';

/**
 * `--project`. Where several are registered and none is named, it means the one that holds the directory the person
 * stands in; outside of all of them the sidecar asks for a name.
 */
export class ProjectOption extends Option {
  /** @param meaning What the project is to the command, for the help. */
  constructor(meaning = 'project') {
    super('--project <project>', `${meaning} (default: the one you stand in, else the only one)`);
  }
}

interface OfProject extends ReadOptions {
  readonly project?: string;
}

/** Fills in the {@link ProjectOption} of a command that is about to run, where it has one and nobody has. */
export async function fillInProject(command: Command, terminal: Terminal): Promise<void> {
  const options: OfProject = command.opts();
  if (options.project !== undefined || !command.options.some((option) => option instanceof ProjectOption)) return;
  // An agent's token says which project it is of.
  if (terminal.environment['AGENT_ID']) return;
  const project = await projectAround(options, terminal);
  if (project !== undefined) command.setOptionValue('project', project);
}

/** The project around the directory; undefined where there is no choice, or none is around it. */
async function projectAround(options: OfProject, terminal: Terminal): Promise<string | undefined> {
  try {
    return await withClient(options, terminal, async (client) => {
      const { projects } = await whileWaiting(terminal, 'Asking the sidecar', client.projects.list({}));
      if (projects.length < 2) return undefined;
      const cwd = realpathSync(terminal.cwd);
      const around = projects.filter(({ root }) => holds(root, cwd));
      // Of one inside of another, the inner one.
      return around.toSorted((one, other) => other.root.length - one.root.length)[0]?.project_id;
    });
  } catch {
    // The command meets the same trouble and says so.
    return undefined;
  }
}

function holds(root: string, directory: string): boolean {
  const path = relative(root, directory);
  return !isAbsolute(path) && path.split(/[/\\]/)[0] !== '..';
}
