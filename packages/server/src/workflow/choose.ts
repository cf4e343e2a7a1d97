import type { AgentCategory, Phase, Profile } from '@orchestration-sidecar/shared';
import { jobsOf, type FindingThread, type Run } from './run.ts';

/** The little of the profile registry that decisions read. */
export interface Catalogue {
  get(agentType: string): Profile | undefined;
  list(): readonly Profile[];
  byLanguage(language: string): readonly Profile[];
}

/** Who runs, and why they. */
export interface Choice {
  readonly agentTypes: readonly string[];
  readonly reason: string;
}

/** Specialists that run for one language of the project, and languages that get one. */
const MAX_LANGUAGES = 3;

/** Who runs in a phase. Agent types without a profile are passed over. */
export function chooseRunners(run: Run, phase: Phase, catalogue: Catalogue): Choice {
  const known = (agentTypes: readonly string[]): string[] =>
    [...new Set(agentTypes)].filter((agentType) => catalogue.get(agentType));
  const runners = phase.run;
  if (runners.by === 'agents') return { agentTypes: known(runners.agents), reason: 'named by the workflow' };
  if (runners.by === 'capability') {
    const able = catalogue
      .list()
      .filter(({ capabilities }) => capabilities.includes(runners.capability))
      .toSorted((a, b) => b.authority_level - a.authority_level || (a.agent_type < b.agent_type ? -1 : 1))
      .slice(0, runners.at_most)
      .map(({ agent_type }) => agent_type);
    return able.length > 0
      ? { agentTypes: able, reason: `have the capability ${runners.capability}` }
      : { agentTypes: known(runners.otherwise), reason: `nobody has the capability ${runners.capability}` };
  }
  const suggested = run.jobs.filter(({ phase: name }) => name === runners.from_phase).flatMap((job) => job.next_agents);
  const chosen = known(suggested).filter((agentType) => catalogue.get(agentType)?.category === runners.category);
  if (chosen.length > 0) return { agentTypes: chosen, reason: `chosen by ${runners.from_phase}` };
  const specialists = runners.category === 'coding' ? specialistsOf(run.languages, catalogue) : [];
  if (specialists.length > 0) {
    return { agentTypes: specialists, reason: `specialists of the project’s languages (${run.languages.join(', ')})` };
  }
  return { agentTypes: known(runners.otherwise), reason: 'nobody was chosen and no specialist fits' };
}

function specialistsOf(languages: readonly string[], catalogue: Catalogue): string[] {
  const specialists = languages
    .slice(0, MAX_LANGUAGES)
    .flatMap((language) => catalogue.byLanguage(language).slice(0, 1))
    .map(({ agent_type }) => agent_type);
  return [...new Set(specialists)];
}

/**
 * Which agent settles which findings: the suggested one when it is of the kind that runs in the phase, else whoever
 * ran there before, else who would run there now.
 */
export function assignFindings(
  run: Run,
  phase: Phase,
  findings: readonly FindingThread[],
  catalogue: Catalogue,
): ReadonlyMap<string, readonly string[]> {
  const before = [...new Set(run.jobs.filter(({ phase: name }) => name === phase.name).map((job) => job.agent_type))];
  const fallback = before[0] ?? chooseRunners(run, phase, catalogue).agentTypes[0];
  const category = phase.run.by === 'chosen' ? phase.run.category : categoryOf(fallback, catalogue);
  const assigned = new Map<string, string[]>();
  for (const { id, suggested_agent: suggested } of findings) {
    const fits = suggested !== null && categoryOf(suggested, catalogue) === category;
    const agentType = fits ? suggested : fallback;
    if (agentType === undefined) continue;
    assigned.set(agentType, [...(assigned.get(agentType) ?? []), id]);
  }
  return assigned;
}

function categoryOf(agentType: string | undefined, catalogue: Catalogue): AgentCategory | undefined {
  return agentType === undefined ? undefined : catalogue.get(agentType)?.category;
}

/** Whether the phase’s condition holds. */
export function conditionHolds(run: Run, phase: Phase): boolean {
  const { when } = phase;
  if (!when) return true;
  if (when.if === 'event') return run.seen_events.includes(when.event_type);
  const jobs = run.jobs.filter((job) => job.phase === when.phase);
  if (when.if === 'files_changed') return jobs.some((job) => job.files_changed > 0);
  if (when.if === 'findings') return jobs.some((job) => job.findings_reported > 0);
  return jobsOf(run, when.phase, run.round).some((job) => job.state === 'failed');
}
