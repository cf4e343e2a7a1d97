import {
  AgentContext,
  SidecarError,
  type InputOf,
  type JsonObject,
  type KeptRequest,
  type OutputOf,
  type SidecarEvent,
  type Contract,
} from '@orchestration-sidecar/shared';
import { Outbox, type Handed } from './outbox.ts';
import type { Folder } from './platform/platform.ts';
import type { CallOptions } from './caller.ts';
import type { Clock } from './clock.ts';
import type { AgentEnvironment } from './environment.ts';
import { workWithHeartbeat, type WorkOptions } from './heartbeat.ts';
import type { Resources } from './resources.ts';
import type { SubscribeOptions, Subscription } from './subscription.ts';

/** Who the agent is. What is left out is read from the environment that the sidecar gave it. */
export interface AgentOptions {
  /** Default: `AGENT_ID`. */
  readonly agentId?: string | undefined;
  /** Default: `AGENT_TYPE`. */
  readonly agentType?: string | undefined;
  /** Default: `ISSUE_ID`. */
  readonly issueId?: string | undefined;
  /** Default: `PROJECT_ID`, else the project of the token. */
  readonly projectId?: string | undefined;
  /**
   * Folder that results and events are kept in while the sidecar is away. Default: `SIDECAR_OUTBOX`; without one,
   * handing in fails with `UNREACHABLE`.
   */
  readonly outbox?: string | undefined;
}

/** Options of {@link Agent.publish}. */
export interface PublishOptions extends CallOptions {
  /** Default: the first topic that the agent’s profile publishes to. */
  readonly topic?: string | undefined;
  /** Round of a feedback loop, from 1. */
  readonly round?: number | undefined;
  /** Id of the event this one answers. */
  readonly references?: string | undefined;
  /** How long the log keeps the event, in seconds. Default 86 400. */
  readonly ttlSeconds?: number | undefined;
}

/** Which events an agent wants to see. */
export interface Interest {
  /** Left out or `*`: any. */
  readonly eventType?: string | undefined;
  readonly topic?: string | undefined;
  /** `field:value[,field:value…]` (DECISIONS 9). */
  readonly filter?: string | undefined;
  /** Round of a feedback loop. */
  readonly round?: number | undefined;
  /** Position to go on after; `latest`: new events only. Default: from the oldest retained. */
  readonly cursor?: string | undefined;
}

/** Options of {@link Agent.waitFor}. */
export interface WaitOptions extends Omit<Interest, 'eventType'> {
  /** Longest wait, in milliseconds; `TIMEOUT` after that. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Body of a result as an agent hands it in. */
export type ResultInput = InputOf<Contract['results']['store']>['result'];
/** Answer to a stored result. */
export type ResultStored = OutputOf<Contract['results']['store']>;
/** Answer to a published event. */
export type EventPublished = OutputOf<Contract['events']['publish']>;

/** What an agent needs. */
export interface AgentNeeds {
  readonly resources: Resources;
  readonly environment: AgentEnvironment;
  readonly clock: Clock;
  readonly random: () => number;
  readonly sendKept: (request: KeptRequest) => Promise<unknown>;
  /** Aborts when the client is closed. */
  readonly signal: AbortSignal;
  readonly readText: (path: string) => Promise<string | undefined>;
  readonly openFolder: (path: string) => Folder | undefined;
}

/** The life of one agent on one issue: what to do, what is known, what is said, what came of it. */
export class Agent {
  readonly agentId: string;
  readonly agentType: string;
  readonly issueId: string;
  readonly projectId: string | undefined;
  readonly #needs: AgentNeeds;
  /** Where each wait goes on, so that the same event is not waited for twice. */
  readonly #seen = new Map<string, string>();
  readonly #outbox: Outbox | undefined;
  #context: Promise<AgentContext> | undefined;

  /** @throws {SidecarError} `INPUT_INVALID` naming what neither the options nor the environment say. */
  constructor(needs: AgentNeeds, options: AgentOptions = {}) {
    const { environment } = needs;
    this.#needs = needs;
    this.agentId = required('AGENT_ID', options.agentId ?? environment.AGENT_ID);
    this.agentType = required('AGENT_TYPE', options.agentType ?? environment.AGENT_TYPE);
    this.issueId = required('ISSUE_ID', options.issueId ?? environment.ISSUE_ID);
    this.projectId = options.projectId ?? environment.PROJECT_ID;
    const directory = options.outbox ?? environment.SIDECAR_OUTBOX;
    const folder = directory === undefined ? undefined : needs.openFolder(directory);
    this.#outbox = folder && new Outbox({ ...needs, folder });
    // What an earlier process of this agent left behind.
    void this.#outbox?.deliver().catch(() => undefined);
  }

  /** What the agent shall do: the text of `TASK_FILE`, else the task or the body of the issue from the context. */
  async task(options: CallOptions = {}): Promise<string> {
    const { environment, readText } = this.#needs;
    const text = environment.TASK_FILE === undefined ? undefined : await readText(environment.TASK_FILE);
    if (text !== undefined) return text;
    const { task } = (await this.context(options)).context;
    return task.task ?? task.body;
  }

  /**
   * What the agent is shown of the project: from `CONTEXT_FILE` when it can be read, else asked of the sidecar once.
   * `agent.refreshContext()` asks again.
   */
  context(options: CallOptions = {}): Promise<AgentContext> {
    this.#context ??= this.#readContext().then((context) => context ?? this.#askContext(options));
    const context = this.#context;
    context.catch(() => {
      if (this.#context === context) this.#context = undefined;
    });
    return context;
  }

  /** Asks the sidecar for the context as it is now. */
  refreshContext(options: CallOptions = {}): Promise<AgentContext> {
    this.#context = this.#askContext(options);
    return this.context();
  }

  /**
   * Tells the sidecar that the agent is at work: who calls nothing and prints nothing for long is taken for `silent`.
   * Answers what the sidecar knows of the agent. Any other call counts as well.
   */
  heartbeat(options: CallOptions = {}): Promise<OutputOf<Contract['agents']['status']>> {
    const input = { agent_id: this.agentId, project_id: this.projectId };
    return this.#needs.resources.agents.status(input, options);
  }

  /**
   * Does some work with a heartbeat beside it: `await agent.work((signal) => build(signal))`. The signal aborts when the
   * sidecar says that the agent is over, or when the caller’s does.
   */
  work<Result>(work: (signal: AbortSignal) => Promise<Result>, options: WorkOptions = {}): Promise<Result> {
    const beat = (signal: AbortSignal): Promise<unknown> => this.heartbeat({ signal });
    return workWithHeartbeat({ clock: this.#needs.clock, beat }, work, options);
  }

  /**
   * Publishes an event; resolves when it is on disk: the sidecar’s, or with `queued: true` the agent’s own while the
   * sidecar is away. `issue_id` is added to the data unless it says another.
   * @throws {SidecarError} `TOPIC_FORBIDDEN`, `PERMISSION_DENIED`, `PAYLOAD_TOO_LARGE`.
   */
  publish(eventType: string, data: JsonObject = {}, options: PublishOptions = {}): Promise<Handed<EventPublished>> {
    const { topic, round, references, ttlSeconds, ...callOptions } = options;
    const event = {
      data: { issue_id: this.issueId, ...data },
      topic,
      round,
      references,
      ttl_seconds: ttlSeconds,
      project_id: this.projectId,
    };
    const path = `/events/${encodeURIComponent(eventType)}`;
    return this.#hand(path, event, callOptions, (keyed) =>
      this.#needs.resources.events.publish({ event_type: eventType, ...event }, keyed),
    );
  }

  /** Follows the project’s events, each once and in order. Events that name another issue are left out. */
  events(interest: Interest = {}, options: SubscribeOptions = {}): Subscription<SidecarEvent> {
    const subscription = this.#subscribe(interest, options);
    const { issueId } = this;
    return {
      get state() {
        return subscription.state;
      },
      get cursor() {
        return subscription.cursor;
      },
      opened: () => subscription.opened(),
      close: () => subscription.close(),
      async *[Symbol.asyncIterator]() {
        for await (const event of subscription) if (concerns(event, issueId)) yield event;
      },
    };
  }

  /**
   * Waits for an event of this issue. Starts at the oldest retained event, so one that was published just before is
   * not missed; waiting for the same again starts after the one that was found.
   * @throws {SidecarError} `TIMEOUT`; the signal’s reason when it aborts.
   */
  async waitFor(eventType: string, options: WaitOptions = {}): Promise<SidecarEvent> {
    const { signal, timeoutMs, cursor, ...interest } = options;
    const key = JSON.stringify([eventType, interest.topic, interest.filter, interest.round]);
    const over = new AbortController();
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#needs.clock.after(timeoutMs, () =>
            over.abort(new SidecarError('TIMEOUT', `No ${eventType} within ${timeoutMs} ms.`)),
          );
    const until = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    try {
      const from = cursor ?? this.#seen.get(key);
      for await (const event of this.events({ ...interest, eventType, cursor: from }, { signal: until })) {
        this.#seen.set(key, event.cursor);
        return event;
      }
      until.throwIfAborted();
      throw new SidecarError('CLIENT_CLOSED', 'The client was closed.');
    } finally {
      timer?.cancel();
    }
  }

  /**
   * Hands in the result; `status` is `success` unless it says otherwise. While the sidecar is away it is kept on disk
   * and the answer is `queued: true`.
   */
  result(body: Partial<ResultInput> = {}, options: CallOptions = {}): Promise<Handed<ResultStored>> {
    const { agentId, agentType, issueId, projectId } = this;
    const result: ResultInput = { ...body, status: body.status ?? 'success' };
    const input = { agent_id: agentId, agent_type: agentType, issue_id: issueId, project_id: projectId, result };
    return this.#hand('/results', input, options, (keyed) => this.#needs.resources.results.store(input, keyed));
  }

  /** Hands in that the work failed, and why. */
  fail(reason: unknown, body: Partial<ResultInput> = {}, options: CallOptions = {}): Promise<Handed<ResultStored>> {
    const message = reason instanceof Error ? reason.message : String(reason);
    const errors = [...(body.errors ?? []), message];
    return this.result({ summary: message, ...body, status: body.status ?? 'failure', errors }, options);
  }

  /**
   * Waits until everything that is kept has been delivered; answers how many requests are left when the signal aborts
   * first. Not needed by agents that the sidecar started: what they leave is delivered when they have ended.
   */
  async flush(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<number> {
    return this.#outbox?.flush(options.signal) ?? 0;
  }

  #hand<Answer extends object>(
    path: string,
    body: object,
    options: CallOptions,
    send: (options: CallOptions) => Promise<Answer>,
  ): Promise<Handed<Answer>> {
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    const sendNow = (): Promise<Answer> => send({ ...options, idempotencyKey });
    return this.#outbox ? this.#outbox.hand({ path, idempotencyKey, body }, sendNow) : sendNow();
  }

  async #readContext(): Promise<AgentContext | undefined> {
    const { environment, readText } = this.#needs;
    const text = environment.CONTEXT_FILE === undefined ? undefined : await readText(environment.CONTEXT_FILE);
    if (text === undefined) return undefined;
    try {
      return AgentContext.parse(JSON.parse(text));
    } catch (cause) {
      throw new SidecarError('INPUT_INVALID', 'CONTEXT_FILE: does not hold a context', { cause });
    }
  }

  #askContext(options: CallOptions): Promise<AgentContext> {
    const target = { issue_id: this.issueId, agent_type: this.agentType, project_id: this.projectId };
    return this.#needs.resources.context.get(target, options);
  }

  #subscribe(
    { eventType, topic, filter, round, cursor }: Interest,
    options: SubscribeOptions,
  ): Subscription<SidecarEvent> {
    const filters = [...(filter === undefined ? [] : [filter]), ...(round === undefined ? [] : [`round:${round}`])];
    const input = {
      event_type: eventType,
      topic,
      cursor,
      project_id: this.projectId,
      filter: filters.length === 0 ? undefined : filters.join(','),
    };
    return this.#needs.resources.events.subscribe(input, options);
  }
}

/** Whether an event is about the issue, or does not say which it is about. */
function concerns(event: SidecarEvent, issueId: string): boolean {
  const named = event.data['issue_id'];
  return named === undefined || named === issueId;
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new SidecarError('INPUT_INVALID', `${name}: set it in the environment, or pass it to agent()`);
}
