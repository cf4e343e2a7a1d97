import {
  LIVE_AGENT_STATES,
  SidecarError,
  type JsonObject,
  type SidecarEvent,
  type StoredResult,
} from '@orchestration-sidecar/shared';
import type { FollowStep } from '../events/index.ts';
import type { Transaction } from '../storage/writer.ts';
import { exhaustedBudget, reservationFor, spawnsOf, type Reservation } from './allowance.ts';
import { begin, decide, type Decided } from './decide.ts';
import { foresee } from './foresee.ts';
import { readInput, type Input, type Records } from './input.ts';
import type { EngineNeeds } from './needs.ts';
import { outcomeOf } from './outcome.ts';
import { progressOf } from './progress.ts';
import { callOf, isOver, isSettled, type Run } from './run.ts';
import type { RunStore } from './run-store.ts';
import { recordPhase } from './phase-span.ts';
import type { Announcement, EndedPhase } from './step.ts';

/** What all projects of an engine share. */
export interface EngineContext extends EngineNeeds {
  readonly store: RunStore;
  /** Told of each run that has changed, after the change is on disk. */
  changed(run: Run): void;
}

/** Events that may pass without concerning any run before the position is written down. */
const MAX_UNSAVED_EVENTS = 5000;

/** A step of one run: what it became and what is to be published. */
interface Change {
  readonly before: Run | undefined;
  readonly after: Run;
  readonly phases: readonly EndedPhase[];
  readonly said: { readonly announcement: Announcement; readonly because: Input }[];
}

/** An issue whose workflow is not there any more. */
interface Refusal {
  readonly input: Input;
  readonly workflow: string;
}

/** The runs of one project and the position in its log up to which they have been acted on. */
export class ProjectRuns {
  readonly projectId: string;
  /** Whether the log is being followed. */
  following = false;
  readonly #context: EngineContext;
  #runs: ReadonlyMap<string, Run>;
  /** Position up to which the log has been acted on; 0 before anything was. */
  #sequence: number;
  #savedSequence: number;
  /** Whether to go on from the oldest event there is, since those after the position were trimmed away. */
  #fromOldest: boolean;
  /** Agents that others are starting now, by issue. */
  readonly #starting = new Map<string, Set<Reservation>>();

  constructor(projectId: string, context: EngineContext) {
    this.projectId = projectId;
    this.#context = context;
    this.#runs = new Map(context.store.unsettled(projectId).map((run) => [run.issue_id, run]));
    const sequence = context.store.sequence(projectId);
    this.#sequence = sequence ?? 0;
    this.#savedSequence = this.#sequence;
    this.#fromOldest = sequence === undefined;
  }

  /** Position up to which the log has been acted on. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Runs with something left to do. */
  unsettled(): Run[] {
    return [...this.#runs.values()];
  }

  run(issueId: string): Run | undefined {
    return this.#runs.get(issueId);
  }

  /** Follows the log from the position reached, until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { events, log } = this.#context;
    const cursor = this.#fromOldest ? undefined : log.cursor(this.#sequence);
    for await (const step of events.follow({ projectId: this.projectId, cursor, agentType: null }, signal)) {
      await this.#advance(step);
    }
  }

  /**
   * Goes to the oldest event that is left, when those in between were trimmed away, and tells the log what became of
   * the agents meanwhile.
   */
  startOver(): void {
    const { agents, events, results, writer, logger } = this.#context;
    this.#fromOldest = true;
    const ended = this.unsettled().flatMap((run) =>
      run.jobs.flatMap((job) => {
        const state = job.alive && job.agent_id !== null ? agents.find(job.agent_id)?.state : undefined;
        if (!job.alive || job.agent_id === null || (state && LIVE_AGENT_STATES.includes(state))) return [];
        const { agent_id, agent_type, key } = job;
        const handedIn = { projectId: this.projectId, issueId: run.issue_id, agentId: agent_id, limit: 1 };
        const result_id = results.list(handedIn).results[0]?.id ?? null;
        return [{ what: 'agent', issue_id: run.issue_id, key, agent_id, agent_type, alive: false, result_id }];
      }),
    );
    const projectId = this.projectId;
    writer
      .write((transaction) => {
        for (const data of ended) {
          events.announce(transaction, { projectId, topic: 'coordination', eventType: 'workflow_observed', data });
        }
      })
      .catch((cause: unknown) =>
        logger.error({ err: cause, project_id: projectId }, 'agents could not be looked after'),
      );
  }

  /** Who the workflow starts because of a result that is being stored. */
  nextAgents(result: StoredResult): string[] {
    const run = this.#newest(result.issue_id);
    if (!run || isOver(run)) return [];
    const known = new Set(run.jobs.map(({ key }) => key));
    const then = foresee(
      run,
      {
        projectId: this.projectId,
        issueId: result.issue_id,
        eventId: result.id,
        atMs: this.#context.clock.nowMs(),
        correlationId: run.correlation_id,
        happening: { kind: 'result', result },
      },
      this.#context.profiles,
    );
    return [...new Set(then.jobs.filter(({ key }) => !known.has(key)).map((job) => job.agent_type))];
  }

  /** Reserves an agent beside the workflow’s; see {@link Engine.admit}. */
  admit(issueId: string, agentType: string, depth: number): () => void {
    const run = this.#newest(issueId);
    if (!run) return () => {};
    const { max_spawns: maxSpawns, max_depth: maxDepth } = run.workflow.limits;
    const starting = this.#starting.get(issueId) ?? new Set();
    const refuse = (why: string): never => {
      throw new SidecarError('ISSUE_LIMIT_REACHED', `${issueId}: ${why}.`);
    };
    if (isOver(run)) refuse(`the issue is ${run.status}`);
    if (run.halted !== null) refuse(run.halted);
    if (depth > maxDepth) refuse(`agents may start agents ${maxDepth} deep`);
    if (spawnsOf(run) + starting.size >= maxSpawns) refuse(`the limit of ${maxSpawns} agents is reached`);
    const exhausted = exhaustedBudget(run, starting);
    if (exhausted !== undefined) {
      const detail = `${issueId}: the rest of the issue’s ${exhausted} is reserved by agents that run.`;
      throw new SidecarError('AGENT_LIMIT_REACHED', detail);
    }
    const reservation = reservationFor(agentType, this.#context.profiles);
    this.#starting.set(issueId, starting.add(reservation));
    return () => {
      starting.delete(reservation);
      if (starting.size === 0 && this.#starting.get(issueId) === starting) this.#starting.delete(issueId);
    };
  }

  /** The aggregated result of an issue so far. */
  outcome(issueId: string): JsonObject | undefined {
    const run = this.#runs.get(issueId) ?? this.#context.store.find(this.projectId, issueId);
    return run && outcomeOf(run, (id) => this.#resultOf(this.projectId, id), this.#context.clock.nowMs());
  }

  /** A run as it will be once everything in the log, also in the running transaction, has been acted on. */
  #newest(issueId: string): Run | undefined {
    let run = this.#runs.get(issueId);
    for (const event of this.#context.log.tail(this.projectId, this.#sequence)) {
      const input = readInput(event, this.#records);
      if (input?.issueId === issueId) run = this.#decide(run, input, [])?.run ?? run;
    }
    return run;
  }

  async #advance(step: FollowStep): Promise<void> {
    // After a gap, long-lived events from before it come again.
    const entries = step.entries.filter((entry) => entry.sequence > this.#sequence);
    const sequence = Math.max(step.sequence, this.#sequence);
    this.#fromOldest = false;
    const changes = new Map<string, Change>();
    const refused: Refusal[] = [];
    for (const { event } of entries) {
      const input = readInput(event, this.#records);
      if (!input) continue;
      const change = changes.get(input.issueId);
      const run = change?.after ?? this.#runs.get(input.issueId) ?? this.#settled(input);
      const languages = await this.#languages(event);
      if (!run) this.#refuseUnknown(input, refused);
      const decided = this.#decide(run, input, languages);
      if (!decided) continue;
      changes.set(input.issueId, {
        before: change ? change.before : run,
        after: decided.run,
        phases: [...(change?.phases ?? []), ...decided.phases],
        said: [
          ...(change?.said ?? []),
          ...decided.announcements.map((announcement) => ({ announcement, because: input })),
        ],
      });
    }
    if (changes.size > 0 || refused.length > 0) await this.#commit([...changes.values()], refused, sequence);
    else await this.#pass(sequence);
  }

  /** What an input makes of a run; undefined when nothing. */
  #decide(run: Run | undefined, input: Input, languages: readonly string[]): Decided | undefined {
    const { profiles, store, logger } = this.#context;
    const { happening } = input;
    try {
      if (run) return decide(run, input, profiles);
      if (happening.kind !== 'created' || store.find(input.projectId, input.issueId)) return undefined;
      if (this.#isDone(input.issueId)) return undefined;
      const workflow = profiles.workflow(happening.workflow);
      return workflow && begin(input, { title: happening.title, workflow, languages }, profiles);
    } catch (cause) {
      logger.error(
        { err: cause, project_id: input.projectId, issue_id: input.issueId, event_id: input.eventId },
        'a workflow step failed',
      );
      return undefined;
    }
  }

  #commit(changes: readonly Change[], refused: readonly Refusal[], sequence: number): Promise<void> {
    const { writer, store, clock } = this.#context;
    return writer.write((transaction) => {
      const nowMs = clock.nowMs();
      for (const change of changes) {
        for (const { announcement, because } of change.said) {
          this.#publish(transaction, change.after, announcement, because);
        }
        store.save(change.after, nowMs);
        this.#move(transaction, change, nowMs);
        this.#confirm(transaction, change);
      }
      for (const refusal of refused) this.#refuse(transaction, refusal);
      store.moveTo(this.projectId, sequence);
      transaction.afterCommit(() => {
        const runs = new Map(this.#runs);
        for (const { after } of changes) {
          if (isSettled(after)) runs.delete(after.issue_id);
          else runs.set(after.issue_id, after);
        }
        this.#runs = runs;
        this.#sequence = sequence;
        this.#savedSequence = sequence;
        for (const { after, phases } of changes) {
          for (const phase of phases) recordPhase(after, phase, this.#context.tracer);
          this.#context.changed(after);
        }
      });
    });
  }

  /** A run that was left as settled, when something reaches it late: an agent whose start was under way, a result. */
  #settled({ projectId, issueId, happening: { kind } }: Input): Run | undefined {
    const mayMatter = kind === 'queued' || kind === 'spawned' || kind === 'ended' || kind === 'result';
    return mayMatter ? this.#context.store.find(projectId, issueId) : undefined;
  }

  #refuseUnknown(input: Input, refused: Refusal[]): void {
    const { happening, issueId } = input;
    if (happening.kind !== 'created' || this.#context.profiles.workflow(happening.workflow)) return;
    if (this.#isDone(issueId)) return;
    refused.push({ input, workflow: happening.workflow });
  }

  /** Whether nothing may begin for an issue: it has ended, or is not there any more. */
  #isDone(issueId: string): boolean {
    try {
      return isEnded(this.#context.issues.require(this.projectId, issueId).status);
    } catch (cause) {
      if (cause instanceof SidecarError && cause.code === 'ISSUE_NOT_FOUND') return true;
      throw cause;
    }
  }

  #refuse(transaction: Transaction, { input, workflow }: Refusal): void {
    const { events, issues } = this.#context;
    const { projectId, issueId, eventId, correlationId } = input;
    const reason = `there is no workflow ${workflow}`;
    const progress = { workflow, phase: null, round: 1, reason, waiting_for: [] };
    issues.move(transaction, { projectId, issueId }, { status: 'failed', progress });
    events.announce(transaction, {
      projectId,
      topic: 'coordination',
      eventType: 'issue_failed',
      correlationId,
      references: eventId,
      data: { issue_id: issueId, workflow, status: 'failed', reason },
    });
  }

  #publish(transaction: Transaction, run: Run, announcement: Announcement, because: Input): void {
    const { events, clock } = this.#context;
    const { eventType, data, round, withOutcome } = announcement;
    const outcome = withOutcome ? outcomeOf(run, (id) => this.#resultOf(run.project_id, id), clock.nowMs()) : {};
    events.announce(transaction, {
      projectId: run.project_id,
      topic: 'coordination',
      eventType,
      correlationId: run.correlation_id,
      trace: callOf(run).trace,
      round,
      references: because.eventId,
      data: { ...data, ...outcome },
    });
  }

  /** The issue’s status changes with the run’s only: what a person did to it meanwhile stands until the run heard of it. */
  #move(transaction: Transaction, { before, after }: Change, nowMs: number): void {
    const { issues } = this.#context;
    const { status, progress } = progressOf(after, nowMs);
    const now = issues.require(after.project_id, after.issue_id).status;
    const moved = status !== (before?.status ?? 'running') && !isEnded(now);
    issues.move(
      transaction,
      { projectId: after.project_id, issueId: after.issue_id },
      { status: moved ? status : now, progress },
    );
  }

  /** Tells the agents room which claims the checks confirmed or refuted. */
  #confirm(transaction: Transaction, { before, after }: Change): void {
    for (const job of after.jobs) {
      const was = before?.jobs.find(({ key }) => key === job.key);
      if (job.agent_id === null) continue;
      if (job.verified && !was?.verified) this.#context.agents.confirm?.(transaction, job.agent_id, 'verified');
      else if (was?.state === 'delivered' && job.state === 'failed') {
        this.#context.agents.confirm?.(transaction, job.agent_id, 'failed');
      }
    }
  }

  /** Writes the position down now and then, so that a restart need not read everything again. */
  async #pass(sequence: number): Promise<void> {
    const { writer, store } = this.#context;
    this.#sequence = sequence;
    if (sequence - this.#savedSequence < MAX_UNSAVED_EVENTS) return;
    await writer.write(() => store.moveTo(this.projectId, sequence));
    this.#savedSequence = sequence;
  }

  async #languages(event: SidecarEvent): Promise<readonly string[]> {
    if (event.event_type !== 'issue_created') return [];
    try {
      return await this.#context.languages(this.projectId);
    } catch (cause) {
      this.#context.logger.warn({ err: cause, project_id: this.projectId }, 'languages of the project are not known');
      return [];
    }
  }

  readonly #records: Records = {
    resultOf: (projectId, resultId) => this.#resultOf(projectId, resultId),
    issueOf: (agentId) => this.#context.agents.find(agentId)?.issue_id ?? undefined,
  };

  #resultOf(projectId: string, resultId: string): StoredResult | undefined {
    try {
      return this.#context.results.require(projectId, resultId);
    } catch (cause) {
      if (cause instanceof SidecarError && cause.code === 'RESULT_NOT_FOUND') return undefined;
      throw cause;
    }
  }
}

function isEnded(status: string): boolean {
  return status === 'resolved' || status === 'failed' || status === 'cancelled';
}
