import type { Agent, Health, Issue, Status, Workflow } from '@orchestration-sidecar/shared';
import { SHORT_ID_CHARS } from './render/agent.ts';
import { counted } from './render/quantity.ts';

/** Something that does not go on without a person. */
export interface Need {
  /** What does not go on: an issue, by its id. */
  readonly about: string;
  /** What is the matter, as the end of a sentence about it. */
  readonly what: string;
  /** Command that helps. */
  readonly command: string;
}

/** What of an issue needs a person. */
export function needsOf(issue: Issue, workflow: Workflow | undefined, agents: readonly Agent[]): Need[] {
  const { issue_id: issueId, progress, status } = issue;
  const need = (what: string, command: string): Need => ({ about: issueId, what, command });
  if (status === 'failed')
    return [need(`has failed: ${progress?.reason ?? 'no reason is known'}`, `sidecar issue show ${issueId}`)];
  if (status !== 'running' && status !== 'paused') return [];
  return [
    ...(status === 'paused' ? [need('is paused', `sidecar issue resume ${issueId}`)] : []),
    ...gatesWaitedFor(issue, workflow).map((eventType) =>
      need(
        `${progress?.phase ?? 'it'} waits for ${eventType}`,
        `sidecar events publish ${eventType} --issue ${issueId}`,
      ),
    ),
    ...(progress?.limits?.level === 'no_more_agents'
      ? [need('is at its limits: no further agent starts', `sidecar issue show ${issueId}`)]
      : []),
    ...agents
      .filter((agent) => agent.issue_id === issueId && agent.activity.kind === 'silent')
      .map((agent) =>
        need(
          `${agent.agent_type} is silent: ${agent.activity.cause}`,
          `sidecar agents logs ${agent.agent_id.slice(-SHORT_ID_CHARS)}`,
        ),
      ),
  ];
}

/** What of an issue without a workflow needs a person: nobody else looks after the agents that failed at it. */
export function failuresOf({ issue_id: about }: Issue, failed: readonly Agent[]): Need[] {
  const types = [...new Set(failed.filter((agent) => agent.issue_id === about).map((agent) => agent.agent_type))];
  if (types.length === 0) return [];
  const what = `${types.join(', ')} failed, and no workflow goes on with it`;
  return [{ about, what, command: `sidecar agents list --issue ${about} --state failed` }];
}

/** What of the sidecar itself needs a person. */
export function needsOfSidecar(health: Health, { profiles }: Status): Need[] {
  const ills = health.reasons.map((reason): Need => {
    const [about = '', ...what] = reason.split(': ');
    return { about, what: what.join(': '), command: 'sidecar doctor' };
  });
  const { broken_files: files } = profiles;
  if (files === 0) return ills;
  const what = `${counted(files, 'file')} cannot be taken; the last good content is used`;
  return [...ills, { about: 'profiles', what, command: 'sidecar profiles validate' }];
}

/**
 * Events of a person that the phase of an issue waits for before it starts. The issue itself says only in words what it
 * waits for; its workflow says what that can be.
 */
function gatesWaitedFor({ progress }: Issue, workflow: Workflow | undefined): string[] {
  if (!progress || progress.waiting_for.length > 0) return [];
  const phase = workflow?.phases.find(({ name }) => name === progress.phase);
  return (phase?.wait_for ?? [])
    .filter(({ event_type, from }) => from === 'operator' && progress.reason.includes(event_type))
    .map(({ event_type }) => event_type);
}
