import { isAbsolute } from 'node:path';
import { type Launcher, SidecarError } from '@orchestration-sidecar/shared';
import { findProgram, type ProgramSearch } from '../../process/find-program.ts';
import type { AgentLauncher, LaunchPlan } from './agent-launcher.ts';
import type { AgentRun } from './agent-run.ts';
import { claudeLauncher, DEFAULT_MODELS, type ModelTable } from './claude-launcher.ts';
import { commandLauncher } from './command-launcher.ts';
import { scriptLauncher } from './script-launcher.ts';

/** Every way of starting agents. */
export class Launchers {
  readonly #models: ModelTable;
  readonly #path: string;
  readonly #program: string | null;

  /**
   * @param options `path` is the `PATH` agents get; `models` says which model each tier stands for; `program` is started
   * as a command wherever Claude Code would be and no program is named.
   */
  constructor(options: { readonly path: string; readonly models?: ModelTable; readonly program?: string | null }) {
    this.#path = options.path;
    this.#program = options.program ?? null;
    this.#models = options.models ?? DEFAULT_MODELS;
  }

  /** Names of the sidecar’s environment that agents of this launcher need. */
  passOn(chosen: Launcher): readonly string[] {
    return this.#launcher(chosen).passOn;
  }

  /**
   * Where the programs of a launcher are, in the order of its needs.
   * @param projectDir what a relative path in the launcher starts from.
   * @throws {SidecarError} `LAUNCHER_UNAVAILABLE` saying what was looked for, and how to choose another.
   */
  async locate(chosen: Launcher, projectDir: string): Promise<readonly string[]> {
    const found: string[] = [];
    for (const names of this.#launcher(chosen).needs) {
      found.push(await this.#locateOne(chosen.kind, names, projectDir));
    }
    return found;
  }

  /**
   * What to start for a run. Nothing is written or started yet.
   * @throws {SidecarError} `LAUNCHER_UNAVAILABLE`.
   */
  async plan(run: AgentRun): Promise<LaunchPlan> {
    const programs = await this.locate(run.launcher, run.projectDir);
    return this.#launcher(run.launcher).plan(run, programs);
  }

  #launcher(chosen: Launcher): AgentLauncher {
    if (chosen.kind === 'claude' && chosen.program === undefined && this.#program !== null) {
      return commandLauncher({ kind: 'command', program: this.#program, args: [] });
    }
    if (chosen.kind === 'claude') return claudeLauncher(chosen, this.#models);
    if (chosen.kind === 'script') return scriptLauncher(chosen, this.#models);
    return commandLauncher(chosen);
  }

  async #locateOne(kind: Launcher['kind'], names: readonly string[], projectDir: string): Promise<string> {
    const misses: ProgramSearch[] = [];
    for (const name of names) {
      const search = await findProgram(name, this.#path, projectDir);
      if (search.kind === 'found') return search.path;
      misses.push(search);
    }
    throw unavailable(kind, names, misses);
  }
}

/** Names what was asked for and nothing else: where the sidecar looks is its own affair (DECISIONS 26). */
function unavailable(kind: Launcher['kind'], names: readonly string[], misses: readonly ProgramSearch[]): SidecarError {
  const denied = misses.findIndex((miss) => miss.kind === 'not_executable');
  const wanted = names.join(' or ');
  const isPath = names.every((name) => name.includes('/'));
  const where = !isPath ? ' in the PATH of the sidecar' : names.some(isAbsolute) ? '' : ' in the folder of the project';
  const fault = denied >= 0 ? `${names[denied]} is there but may not be executed` : `${wanted} was not found${where}`;
  const advice =
    'Install it, or choose another program: `"launcher": { "kind": "command", "program": "…" }` in the request or in the profile, or --agent-program of `sidecar serve` for all.';
  return new SidecarError('LAUNCHER_UNAVAILABLE', `The launcher "${kind}" needs ${wanted}: ${fault}. ${advice}`, {
    extension: { launcher: kind, programs: names },
  });
}
