import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ResultBody,
  SidecarError,
  type Agent,
  type AgentUsage,
  type Check,
  type Issue,
  type JsonObject,
  type Project,
  type SidecarEvent,
  type StoredResult,
  type Workflow,
} from '@orchestration-sidecar/shared';
import type { z } from 'zod';
import type { SpawnRequest } from '../agents/index.ts';
import { builtInProfiles, createProfileRegistry, type ProfileRegistry } from '../agents/profiles/index.ts';
import { ConsumerRegistry, ConsumerStore, EventBus, EventLog, Subscribers } from '../events/index.ts';
import { Issues, IssueStore } from '../issues/index.ts';
import { ResultMirror, Results, ResultStore } from '../results/index.ts';
import { announcementOf } from '../results/announcement.ts';
import { isoTime, type Clock, type Timer } from '../runtime/clock.ts';
import { createIds } from '../runtime/ids.ts';
import { openDatabase, type Database } from '../storage/database.ts';
import { Writer } from '../storage/writer.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { noTracer } from '../telemetry/tracer.ts';
import type { Catalogue } from './choose.ts';
import { createEngine, type CheckReport, type CheckRequest, type Engine } from './index.ts';

/** A clock that goes on only when told to. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #calls = new Set<{ readonly atMs: number; readonly call: () => void }>();

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): Timer {
    const entry = { atMs: this.#nowMs + delayMs, call };
    this.#calls.add(entry);
    return { cancel: () => void this.#calls.delete(entry) };
  }

  /** When the next call is due. */
  get nextAtMs(): number | undefined {
    return this.#calls.size === 0 ? undefined : Math.min(...[...this.#calls].map(({ atMs }) => atMs));
  }

  /** Lets time pass, making the calls that become due on the way, in their order. */
  advance(byMs: number): void {
    const until = this.#nowMs + byMs;
    for (let next = this.nextAtMs; next !== undefined && next <= until; next = this.nextAtMs) {
      this.#nowMs = Math.max(this.#nowMs, next);
      const due = [...this.#calls].find(({ atMs }) => atMs === next);
      if (!due) break;
      this.#calls.delete(due);
      due.call();
    }
    this.#nowMs = until;
  }
}

/** An agent that follows a script instead of running a program. */
export interface ScriptedAgent {
  readonly id: string;
  readonly type: string;
  readonly task: string;
  /** `<issue>/<phase>/<agent_type>/<round>/<attempt>`. */
  readonly key: string;
  readonly round: number;
  readonly attempt: number;
  readonly issueId: string;
  /** Hands in a result and answers `next_agents`. */
  store(body: z.input<typeof ResultBody>): Promise<readonly string[]>;
  /** Publishes an event as itself. */
  publish(topic: string, eventType: string, data?: JsonObject): Promise<void>;
  /** Ends, saying that all went well. */
  complete(usage?: Partial<AgentUsage>): Promise<void>;
  /** Ends for good after a failure. */
  fail(error: string, usage?: Partial<AgentUsage>): Promise<void>;
}

/** What an agent does once it runs. */
export type Script = (agent: ScriptedAgent) => Promise<void> | void;

/** The specification’s happy path, for whatever a test does not script itself. */
export const diligent: Script = async (agent) => {
  await agent.store({ status: 'success', summary: `${agent.type} is done`, files_modified: [`${agent.type}.txt`] });
  await agent.complete();
};

export interface WorldOptions {
  /** Directory of the store; default a new one. `:memory:` keeps everything in memory, results without mirror. */
  readonly memory?: boolean;
  readonly projects?: readonly string[];
  readonly workflows?: readonly Workflow[];
  readonly languages?: readonly string[];
  /** Most cost of each agent, in US dollars. Default: any. */
  readonly agentCostUsd?: number;
  readonly script?: Script;
  /** What the project says it is checked by. Default: nothing is found. */
  readonly projectChecks?: readonly Check[];
  readonly check?: (request: CheckRequest, signal: AbortSignal) => Promise<CheckReport> | CheckReport;
}

let sharedRegistry: ProfileRegistry | undefined;

/** The built-in profiles, read once. */
function registry(): ProfileRegistry {
  sharedRegistry ??= createProfileRegistry({
    directories: [builtInProfiles()],
    clock: new FakeClock(),
    logger: silentLogger,
    watch: false,
  });
  return sharedRegistry;
}

/**
 * Everything around the engine, real but for two things: time, and agents, which follow scripts. The engine can be
 * killed and started again at any moment while the agents go on, as they would.
 */
export class ScriptedWorld {
  readonly clock = new FakeClock();
  readonly database: Database;
  readonly writer: Writer;
  readonly log: EventLog;
  readonly events: EventBus;
  readonly issues: Issues;
  readonly results: Results;
  readonly profiles: ProfileRegistry = registry();
  readonly agents = new Map<string, Agent>();
  readonly confirmed = new Map<string, string>();
  /** Idempotency keys by how often each has started an agent. */
  readonly starts = new Map<string, number>();
  readonly stopRequests: { readonly agentId: string; readonly reason: string }[] = [];
  /** How often the engine was killed. */
  restarts = 0;
  /** Errors of scripts: a script must not fail. */
  readonly faults: unknown[] = [];
  engine: Engine;
  /** Refuses spawns while it answers an error. */
  refuseSpawn: () => SidecarError | undefined = () => undefined;
  /** Ignores requests to stop an agent while true. */
  stubborn = false;
  readonly #options: WorldOptions;
  readonly #directory: string;
  readonly #ids;
  readonly #store: ResultStore;
  readonly #byKey = new Map<string, Agent>();
  readonly #scripts = new Set<Promise<void>>();
  #alive = { engine: true };

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.#directory = mkdtempSync(join(tmpdir(), 'sidecar-workflow-'));
    const nowMs = (): number => this.clock.nowMs();
    this.#ids = createIds(nowMs);
    const path = options.memory ? ':memory:' : join(this.#directory, 'sidecar.db');
    this.database = openDatabase(path, { newEpoch: 'testepoch', nowMs: nowMs() });
    this.writer = new Writer(this.database);
    this.log = new EventLog({ database: this.database, ids: this.#ids, nowMs });
    const subscribers = new Subscribers(new ConsumerRegistry(new ConsumerStore(this.database)));
    this.events = new EventBus({ log: this.log, subscribers, writer: this.writer, clock: this.clock });
    const common = { events: this.events, writer: this.writer, clock: this.clock, ids: this.#ids };
    this.issues = new Issues({ ...common, store: new IssueStore(this.database) });
    this.#store = new ResultStore(this.database);
    this.results = new Results({
      ...common,
      store: this.#store,
      mirror: new ResultMirror(join(this.#directory, 'results'), {
        store: this.#store,
        clock: this.clock,
        logger: silentLogger,
      }),
      handOver: { nextAgents: (result) => this.engine.nextAgents(result) },
    });
    this.engine = this.#openEngine();
  }

  get projects(): readonly Project[] {
    const created_at = isoTime(0);
    return (this.#options.projects ?? ['p']).map((project_id) => ({
      project_id,
      root: this.#directory,
      created_at,
      default: false,
    }));
  }

  get languages(): readonly string[] {
    return this.#options.languages ?? [];
  }

  /** The profiles as the engine sees them: with the limits of this world. */
  get catalogue(): Catalogue {
    const { agentCostUsd } = this.#options;
    return {
      get: (agentType) => {
        const profile = this.profiles.get(agentType);
        if (!profile || agentCostUsd === undefined) return profile;
        return { ...profile, limits: { ...profile.limits, cost_usd: agentCostUsd } };
      },
      list: () => this.profiles.list(),
      byLanguage: (language) => this.profiles.byLanguage(language),
    };
  }

  issueOf(agentId: string): string | undefined {
    return this.agents.get(agentId)?.issue_id ?? undefined;
  }

  resultOf(projectId: string, resultId: string): StoredResult | undefined {
    return this.#store.find(projectId, resultId);
  }

  #openEngine(): Engine {
    const alive = { engine: true };
    this.#alive = alive;
    // A killed engine’s calls reach nobody, as those of a killed process.
    const unlessKilled = <T>(call: () => Promise<T>): Promise<T> => (alive.engine ? call() : new Promise(() => {}));
    const workflows = this.#options.workflows ?? [];
    return createEngine({
      database: this.database,
      writer: { write: (run) => unlessKilled(() => this.writer.write(run)) },
      events: this.events,
      log: this.log,
      issues: this.issues,
      results: this.results,
      profiles: {
        ...this.catalogue,
        workflow: (name) => workflows.find((it) => it.name === name) ?? this.profiles.workflow(name),
      },
      projects: { list: () => this.projects },
      agents: {
        spawn: (request) => unlessKilled(() => this.#spawn(request)),
        stop: (agentId, reason) => unlessKilled(() => this.#stop(agentId, reason)),
        find: (agentId) => this.agents.get(agentId),
        confirm: (_transaction, agentId, outcome) => void this.confirmed.set(agentId, outcome),
      },
      languages: () => this.languages,
      projectChecks: async () => {
        const checks = this.#options.projectChecks ?? [];
        return { checks, reason: checks.length > 0 ? 'found' : 'no tests were found' };
      },
      runCheck: (request, signal) =>
        unlessKilled(async () => this.#options.check?.(request, signal) ?? { ...passedCheck, outputTail: '' }),
      clock: this.clock,
      logger: silentLogger,
      tracer: noTracer,
    });
  }

  /** Starts an issue. */
  create(issueId: string, workflow: string | null = 'issue-resolution', projectId = 'p'): Promise<Issue> {
    return this.issues.create({
      projectId,
      issueId,
      title: `Issue ${issueId}`,
      body: 'Make it better.',
      workflow,
      correlationId: `c-${issueId}`,
    });
  }

  /** Kills the engine without a goodbye and starts a new one on what it left. */
  async restart(): Promise<void> {
    this.restarts += 1;
    this.#alive.engine = false;
    void this.engine.close();
    this.engine = this.#openEngine();
    await this.engine.start();
  }

  /** Removes every event there is, as retention would after a long time. */
  async trim(projectId = 'p'): Promise<void> {
    await this.writer.write((transaction) =>
      this.log.remove(transaction, projectId, this.log.surplus(projectId, 0, Number.MAX_SAFE_INTEGER)),
    );
  }

  /** Publishes as the operator. */
  async tell(topic: string, eventType: string, data: JsonObject, projectId = 'p'): Promise<void> {
    await this.events.publish({ projectId, topic, eventType, publisher: 'operator', publisherType: 'operator', data });
  }

  /** Publishes as the sidecar, as its procedures do. */
  async announce(eventType: string, data: JsonObject, projectId = 'p'): Promise<void> {
    await this.writer.write((transaction) => {
      this.events.announce(transaction, { projectId, topic: 'coordination', eventType, data });
    });
  }

  /** Starts an agent that the workflow knows nothing of. */
  foreign(agentType: string, issueId: string): Promise<Agent> {
    const project = this.projects[0];
    if (!project) throw new Error('no project');
    const profile = this.profiles.require(agentType);
    return this.#spawn({
      profile,
      project,
      issue: { issue_id: issueId, title: '', body: '' },
      task: 'something else',
      requirements: [],
      environment: {},
      launcher: profile.launcher,
      parentId: null,
      permissions: profile.permissions,
      correlationId: 'c',
    });
  }

  /** All events of a project, oldest first. */
  all(projectId = 'p'): SidecarEvent[] {
    return this.log.tail(projectId, 0);
  }

  /** Event types on `coordination` that the engine itself publishes, in order. */
  story(issueId: string, projectId = 'p'): string[] {
    return this.all(projectId)
      .filter((event) => event.data['issue_id'] === issueId && event.publisher === 'sidecar')
      .map((event) => event.event_type)
      .filter((type) => /^(issue_|phase_|agent_escalated)/.test(type));
  }

  /** Agents that have been started for an issue, as `<phase>/<agent_type>/<round>/<attempt>`. */
  started(issueId: string): string[] {
    return [...this.starts.keys()]
      .filter((key) => key.startsWith(`${issueId}/`))
      .map((key) => key.slice(issueId.length + 1));
  }

  /** Resolves when the condition holds; fails after ten seconds of real time. */
  async until(holds: () => boolean, what = 'the condition'): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!holds()) {
      if (this.faults.length > 0) throw this.faults[0];
      if (performance.now() > deadline) throw new Error(`${what} did not come about`);
      await new Promise(setImmediate);
    }
  }

  /** Resolves when an issue has left `running`. */
  async ended(issueId: string, projectId = 'p'): Promise<Issue> {
    await this.until(
      () => !['running', 'paused'].includes(this.issues.require(projectId, issueId).status),
      `end of ${issueId}`,
    );
    return this.issues.require(projectId, issueId);
  }

  /** Resolves when nothing has happened for a while: what is left waits for time or for somebody. */
  async quiet(): Promise<void> {
    for (let calm = 0; calm < 8;) {
      const before = this.log.publishedCount;
      await new Promise(setImmediate);
      calm = this.log.publishedCount === before && this.writer.depth === 0 ? calm + 1 : 0;
    }
    if (this.faults.length > 0) throw this.faults[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close();
    await Promise.all(this.#scripts);
    this.writer.close();
    this.database.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #spawn(request: SpawnRequest): Promise<Agent> {
    const refusal = this.refuseSpawn();
    if (refusal) throw refusal;
    const key = request.idempotencyKey ?? `foreign-${this.agents.size}`;
    const known = this.#byKey.get(`${request.project.project_id} ${key}`);
    if (known) return known;
    const agent = newAgent(request, `${request.profile.agent_type}-${this.#ids.uuid()}`, isoTime(this.clock.nowMs()));
    this.#byKey.set(`${request.project.project_id} ${key}`, agent);
    this.agents.set(agent.agent_id, agent);
    this.starts.set(key, (this.starts.get(key) ?? 0) + 1);
    await this.#tellOf(agent, 'agent_spawned', { idempotency_key: request.idempotencyKey ?? null });
    const script = this.#options.script ?? diligent;
    const running = Promise.resolve()
      .then(() => script(this.#scripted(agent, key)))
      .catch((cause: unknown) => void this.faults.push(cause));
    this.#scripts.add(running);
    void running.finally(() => this.#scripts.delete(running));
    return agent;
  }

  async #stop(agentId: string, reason: string): Promise<void> {
    this.stopRequests.push({ agentId, reason });
    const agent = this.agents.get(agentId);
    if (!agent) throw new SidecarError('AGENT_NOT_FOUND');
    if (this.stubborn) return;
    await this.#end(agent, 'stopped', 'agent_stopped', { reason });
  }

  async #end(agent: Agent, state: 'exited' | 'failed' | 'stopped', eventType: string, data: JsonObject): Promise<void> {
    if (this.agents.get(agent.agent_id)?.ended_at !== null) return;
    this.agents.set(agent.agent_id, { ...agent, state, ended_at: isoTime(this.clock.nowMs()) });
    await this.#tellOf(agent, eventType, data);
  }

  #tellOf(agent: Agent, eventType: string, data: JsonObject): Promise<void> {
    const { issue_id, agent_id, agent_type, project_id: projectId } = agent;
    const named = { issue_id, agent_id, agent_type, ...data };
    return this.announce(eventType, named, projectId);
  }

  #scripted(agent: Agent, key: string): ScriptedAgent {
    const [, , , round, attempt] = key.split('/');
    const { agent_id: id, agent_type: type, project_id: projectId } = agent;
    const issueId = agent.issue_id ?? '';
    return {
      id,
      type,
      key,
      issueId,
      task: agent.task,
      round: Number(round ?? 1),
      attempt: Number(attempt ?? 1),
      store: async (body) => this.#storeResult(agent, ResultBody.parse(body)),
      publish: async (topic, eventType, data = {}) => {
        const about = { issue_id: issueId, ...data };
        await this.events.publish({ projectId, topic, eventType, publisher: id, publisherType: type, data: about });
      },
      complete: (usage = {}) => this.#end(agent, 'exited', 'agent_completed', { outcome: 'claimed', usage }),
      fail: (error, usage = {}) => this.#end(agent, 'failed', 'agent_failed', { error, will_retry: false, usage }),
    };
  }

  async #storeResult(agent: Agent, body: ResultBody): Promise<readonly string[]> {
    const profile = this.profiles.require(agent.agent_type);
    const { project_id: projectId, agent_id: agentId } = agent;
    const issueId = agent.issue_id ?? '';
    const correlationId = `c-${issueId}`;
    if (!this.#options.memory) {
      return (await this.results.store({ projectId, issueId, agentId, profile, body, correlationId })).next_agents;
    }
    // As Results does it, without the mirror’s files.
    return this.writer.write((transaction) => {
      const atMs = this.clock.nowMs();
      const result: StoredResult = {
        id: `result-${this.#ids.orderedUuid()}`,
        agent_id: agentId,
        agent_type: agent.agent_type,
        issue_id: issueId,
        project_id: projectId,
        result: body,
        timestamp: isoTime(atMs),
        stored_at: isoTime(atMs),
      };
      this.#store.insert(transaction, {
        resultId: result.id,
        projectId,
        issueId,
        agentId,
        agentType: agent.agent_type,
        status: body.status,
        body: JSON.stringify(body),
        timestampMs: atMs,
        storedAtMs: atMs,
      });
      const next = this.engine.nextAgents(result);
      this.events.append(transaction, announcementOf(result, profile, next));
      return next;
    });
  }
}

const passedCheck: CheckReport = { exitCode: 0, durationMs: 5, outputSha256: 'e3b0', outputTail: '', treeHash: 'tree' };

/** A check that ends with this exit code. */
export function checkEnding(exitCode: number, outputTail = ''): CheckReport {
  return { ...passedCheck, exitCode, outputTail };
}

function newAgent(request: SpawnRequest, agentId: string, at: string): Agent {
  return {
    agent_id: agentId,
    agent_type: request.profile.agent_type,
    issue_id: request.issue.issue_id,
    project_id: request.project.project_id,
    parent_id: request.parentId,
    task: request.task,
    launcher: request.launcher.kind,
    state: 'running',
    activity: { kind: 'none', cause: 'scripted', since: null },
    outcome: 'unknown',
    process_id: 1,
    attempt: 1,
    usage: { input_tokens: null, output_tokens: null, cost_usd: null, turns: null },
    exit: null,
    permissions: [...request.permissions],
    created_at: at,
    started_at: at,
    ended_at: null,
  };
}
