import { isDeepStrictEqual } from 'node:util';
import { SidecarError, type AgentCategory, type Profile, type Workflow } from '@orchestration-sidecar/shared';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { loadProfiles, type Defined, type Definitions, type ProfileProblem } from './load-profiles.ts';
import { matrixOf, topicPublishersOf, type MatrixRow } from './matrix.ts';
import { nextAgents, type HandedIn } from './next-agents.ts';
import { referenceProblems } from './references.ts';
import { watchDirectories } from './watch.ts';

const DEFAULT_SETTLE_MS = 50;

/** What a reload changed: names that were added, removed or now read differently. */
export interface ProfileChange {
  readonly agentTypes: readonly string[];
  readonly workflows: readonly string[];
}

/** Where profiles come from and who is told of changes. */
export interface ProfileRegistryOptions {
  /**
   * Profiles directories, the built-in one first; later ones override and extend. Each holds `agents/*.json` (or
   * `*.json` directly) and `workflows/*.json`. A directory may be missing and appear later.
   */
  readonly directories: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether to reload when files change. Default true. */
  readonly watch?: boolean;
  /** How long changes settle before they are read, in milliseconds. Default 50. */
  readonly settleMs?: number;
  /** Told after a reload that changed something. Must not throw. */
  readonly onChange?: (change: ProfileChange) => void;
}

/** The agent types and workflows there are, always as the files say. */
export interface ProfileRegistry {
  /** The profile of an agent type, if there is one. */
  get(agentType: string): Profile | undefined;
  /** @throws {SidecarError} `AGENT_TYPE_NOT_FOUND` */
  require(agentType: string): Profile;
  /** All profiles by agent type. */
  list(): readonly Profile[];
  /** Profiles of a category by agent type. */
  byCategory(category: AgentCategory): readonly Profile[];
  /** Coding profiles made for a language (lower-case), the most dedicated first, then by authority and name. */
  byLanguage(language: string): readonly Profile[];
  /** Who goes on after a stored result, by the result's own word and the profile's hand-over. */
  nextAgents(agentType: string, result: HandedIn): readonly string[];
  /** The capability matrix, a row per profile. */
  matrix(): readonly MatrixRow[];
  /** Agent types by topic that their profiles publish to. */
  topicPublishers(): ReadonlyMap<string, readonly string[]>;
  /** All workflows by name. */
  workflows(): readonly Workflow[];
  /** The workflow of a name, if there is one. */
  workflow(name: string): Workflow | undefined;
  /** @throws {SidecarError} `WORKFLOW_NOT_FOUND` */
  requireWorkflow(name: string): Workflow;
  /** What is wrong with the files now. */
  problems(): readonly ProfileProblem[];
  /** Reads the files unless that was done; whoever first asks for anything else here waits for it too. */
  read(): void;
  /** Reads the files again at once. */
  reload(): void;
  /** Stops watching. What was loaded can still be read. Closing twice is once. */
  close(): void;
}

/**
 * Keeps the profiles as the files say. They are read when they are first asked for: checking 119 of them takes a tenth of the
 * processor time of a start. Never throws for a bad file: it is reported in {@link ProfileRegistry.problems} and the
 * last good content stays in force.
 */
export function createProfileRegistry(options: ProfileRegistryOptions): ProfileRegistry {
  const { directories, logger } = options;
  // The watch stands before anything is read, so that no change falls between.
  const watching =
    (options.watch ?? true)
      ? watchDirectories({
          directories,
          clock: options.clock,
          settleMs: options.settleMs ?? DEFAULT_SETTLE_MS,
          onChange: reload,
          onError: (path, error) => logger.warn({ path, error: error.message }, 'profiles cannot be watched'),
        })
      : undefined;
  let known: Known | undefined;

  function current(): Known {
    known ??= take(loadProfiles(directories), []);
    return known;
  }

  function take(definitions: Definitions, before: readonly ProfileProblem[]): Known {
    const taken = { definitions, view: viewOf(definitions) };
    for (const problem of taken.view.problems) {
      if (!before.some((told) => isDeepStrictEqual(told, problem))) logger.warn({ ...problem }, 'profile problem');
    }
    return taken;
  }

  function reload(): void {
    if (known === undefined) return;
    const before = known;
    known = take(loadProfiles(directories, before.definitions.lastGood), before.view.problems);
    const change: ProfileChange = {
      agentTypes: changedNames(before.definitions.profiles, known.definitions.profiles),
      workflows: changedNames(before.definitions.workflows, known.definitions.workflows),
    };
    if (change.agentTypes.length === 0 && change.workflows.length === 0) return;
    logger.info({ agent_types: change.agentTypes, workflows: change.workflows }, 'profiles reloaded');
    options.onChange?.(change);
  }

  return {
    get: (agentType) => current().definitions.profiles.get(agentType)?.value,
    require: (agentType) =>
      found(
        current().definitions.profiles.get(agentType),
        'AGENT_TYPE_NOT_FOUND',
        `There is no agent type '${agentType}'`,
      ),
    list: () => current().view.profiles,
    byCategory: (category) => current().view.profiles.filter((profile) => profile.category === category),
    byLanguage: (language) => specialists(current().view.profiles, language),
    nextAgents(agentType, result) {
      const profile = current().definitions.profiles.get(agentType)?.value;
      return profile === undefined
        ? []
        : nextAgents(profile, result, (type) => current().definitions.profiles.has(type));
    },
    matrix: () => matrixOf(current().view.profiles),
    topicPublishers: () => topicPublishersOf(current().view.profiles),
    workflows: () => current().view.workflows,
    workflow: (name) => current().definitions.workflows.get(name)?.value,
    requireWorkflow: (name) =>
      found(current().definitions.workflows.get(name), 'WORKFLOW_NOT_FOUND', `There is no workflow '${name}'`),
    problems: () => current().view.problems,
    read: () => void current(),
    reload,
    close: () => watching?.close(),
  };
}

interface Known {
  readonly definitions: Definitions;
  readonly view: View;
}

interface View {
  readonly profiles: readonly Profile[];
  readonly workflows: readonly Workflow[];
  readonly problems: readonly ProfileProblem[];
}

function viewOf(definitions: Definitions): View {
  return {
    profiles: inOrder(definitions.profiles),
    workflows: inOrder(definitions.workflows),
    problems: [...definitions.problems, ...referenceProblems(definitions)],
  };
}

function inOrder<T>(defined: ReadonlyMap<string, Defined<T>>): T[] {
  return [...defined].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { value }]) => value);
}

function changedNames<T>(before: ReadonlyMap<string, Defined<T>>, now: ReadonlyMap<string, Defined<T>>): string[] {
  return [...new Set([...before.keys(), ...now.keys()])].filter(
    (name) => !isDeepStrictEqual(before.get(name)?.value, now.get(name)?.value),
  );
}

function specialists(profiles: readonly Profile[], language: string): Profile[] {
  return profiles
    .filter(({ category, languages }) => category === 'coding' && languages.includes(language))
    .toSorted((a, b) => a.languages.length - b.languages.length || b.authority_level - a.authority_level);
}

function found<T>(
  defined: Defined<T> | undefined,
  code: 'AGENT_TYPE_NOT_FOUND' | 'WORKFLOW_NOT_FOUND',
  detail: string,
): T {
  if (defined === undefined) throw new SidecarError(code, detail);
  return defined.value;
}
