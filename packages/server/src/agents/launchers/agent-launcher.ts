import type { Launcher } from '@orchestration-sidecar/shared';
import type { AgentRun } from './agent-run.ts';
import type { ProtocolName } from './protocol.ts';

/** What a profile or a request says about a launcher of this kind. */
export type LauncherOf<Kind extends Launcher['kind']> = Extract<Launcher, { kind: Kind }>;

/** What to start, as data: nothing in it has been done yet. */
export interface LaunchPlan {
  /** Absolute path of the program. */
  readonly file: string;
  /** Public on the machine: neither token nor task is in them (DECISIONS 23). */
  readonly args: readonly string[];
  /** Goes on top of the agent’s environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** To be written with mode 0600 before the start. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  /** How the agent’s output is to be read. */
  readonly protocol: ProtocolName;
}

/** One way of starting agents, as a profile or a request chose it. */
export interface AgentLauncher {
  /** Names of the sidecar’s environment that this kind of agent needs besides those every agent gets. */
  readonly passOn: readonly string[];
  /** Programs it takes, each with the names it goes by, preferred first. The last is the agent itself. */
  readonly needs: readonly (readonly string[])[];
  /** @param programs absolute path of each of the `needs`, in their order. */
  plan(run: AgentRun, programs: readonly string[]): LaunchPlan;
}

/** The last of the found programs: the agent itself. */
export function agentProgram(programs: readonly string[]): string {
  const program = programs.at(-1);
  if (program === undefined) throw new TypeError('a launcher needs at least one program');
  return program;
}
