import { z } from 'zod';
import { AgentType } from '@orchestration-sidecar/shared';
import { findingsOf, recordFindings } from './findings.ts';
import type { Happening } from './input.ts';
import { deliver, jobOfAgent } from './jobs.ts';
import { enterPhase } from './phases.ts';
import { currentJobs, currentPhase, isOpen, isOver, type Job, type Run } from './run.ts';
import type { Step } from './step.ts';

const MAX_REASON_CHARS = 500;

/** What an announcement may say about the work besides that it is done; anything else in it is passed over. */
const NextAgents = z.array(AgentType).max(32).catch([]);
const Changes = z.array(z.string()).catch([]);

/** Events of the specification's feedback loop, which every phase understands. */
const REVIEW_REQUESTED = 'review_requested';
const REVIEW_ADDRESSED = 'review_addressed';

/** Takes an event by which an agent or a person says that work is done, or lets a gate open. */
export function takeAnnounced(step: Step, announced: Extract<Happening, { kind: 'announced' }>): void {
  const { run, input } = step;
  const { eventType, agentId, agentType, data } = announced;
  if (isOver(run)) return;
  noteSeen(run, eventType, agentId === null);
  const phase = currentPhase(run);
  if (!phase) return;
  if (run.phase_state === 'waiting') return enterPhase(step);
  const asksReview = eventType === REVIEW_REQUESTED && phase.findings_to !== null && agentId !== null;
  const answersReview = eventType === REVIEW_ADDRESSED && run.rework_phase === phase.name && agentId !== null;
  if (!asksReview && !answersReview && !phase.announced_by.includes(eventType)) return;
  for (const job of jobsAnnounced(run, agentId, agentType ?? namedIn(data))) {
    job.announced_by = input.eventId;
    job.next_agents = NextAgents.parse(data['next_agents']);
    if (phase.findings_to !== null) recordFindings(run, job, findingsOf(data), null);
    if (answersReview) answerAll(run, job, Changes.parse(data['changes']));
    // A reviewer that still runs will say in its result what it found; going on now would lose that.
    const resultToCome = phase.findings_to !== null && !asksReview && job.alive && job.agent_id === agentId;
    if (!resultToCome) deliver(step, job);
  }
}

/** Whose work an announcement speaks of: the publisher's own, or what a person names, or all that is open. */
function jobsAnnounced(run: Run, agentId: string | null, agentType: string | null): Job[] {
  const open = currentJobs(run).filter(isOpen);
  if (agentId === null) return open.filter((job) => agentType === null || job.agent_type === agentType);
  const own = jobOfAgent(run, agentId, null);
  if (own) return open.filter((job) => job === own);
  return open.filter((job) => job.agent_type === agentType);
}

function answerAll(run: Run, job: Job, changes: readonly string[]): void {
  job.files_changed = Math.max(job.files_changed, changes.length);
  for (const thread of run.findings) {
    if (!job.findings.includes(thread.id)) continue;
    thread.state = 'addressed';
    const reason = changes.join('; ').slice(0, MAX_REASON_CHARS) || null;
    thread.answers.push({ round: run.round, by: job.agent_type, answer: 'addressed', reason });
  }
}

function noteSeen(run: Run, eventType: string, byPerson: boolean): void {
  const named = run.workflow.phases.some(
    ({ when, wait_for }) =>
      (when?.if === 'event' && when.event_type === eventType) || wait_for.some((gate) => gate.event_type === eventType),
  );
  if (!named) return;
  run.seen_events = [...new Set([...run.seen_events, eventType, ...(byPerson ? [`${eventType}/operator`] : [])])];
}

function namedIn({ agent_type: agentType }: Extract<Happening, { kind: 'announced' }>['data']): string | null {
  return typeof agentType === 'string' ? agentType : null;
}
