import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callOfKept, type Agent } from '@orchestration-sidecar/shared';
import { inheritedEnvironment, openAgents } from './agents/index.ts';
import { createProfileRegistry, profileDirectories } from './agents/profiles/index.ts';
import { openDoors, type DoorsNeeds, type Rooms, type SidecarPhase } from './api/index.ts';
import { createBriefing } from './briefing.ts';
import { createHandIn } from './hand-in.ts';
import { BuildStatus } from './build-status.ts';
import { openBroker, openIdentity } from './broker/index.ts';
import { createContextInjector, projectLanguages, treeHashUnlessOpen } from './context/index.ts';
import { openEvents } from './events/index.ts';
import { Issues, IssueStore } from './issues/index.ts';
import { Backups, Mirrors, openCleanUp } from './maintenance/index.ts';
import { runCommand } from './process/index.ts';
import { keepHouse } from './housekeeping.ts';
import { listenAgain } from './listen.ts';
import { checkMarker, projectChecks } from './project-checks.ts';
import { Projects, ProjectStore } from './projects/index.ts';
import { ResultMirror, Results, ResultStore } from './results/index.ts';
import { observeCommits, observeRooms } from './observed-rooms.ts';
import { CircuitBreakers } from './runtime/circuit-breakers.ts';
import { isoTime, repeat, systemClock, type Clock } from './runtime/clock.ts';
import type { Config, Environment } from './runtime/config.ts';
import { createIds } from './runtime/ids.ts';
import type { AgentPrincipal } from './runtime/principal.ts';
import { Scope } from './runtime/scope.ts';
import { VERSION } from './runtime/version.ts';
import { Checkpoints } from './storage/checkpoint/checkpoints.ts';
import { openDataDir } from './storage/data-dir.ts';
import { StoreError } from './storage/database.ts';
import { lockDirectory } from './storage/directory-lock.ts';
import { openStore } from './storage/open-store.ts';
import { StoreProbe } from './storage/store-probe.ts';
import { Writer } from './storage/writer.ts';
import { LogFile } from './telemetry/log-file.ts';
import { createLogger } from './telemetry/logger.ts';
import { Metrics } from './telemetry/metrics.ts';
import { openTracer } from './telemetry/open-tracer.ts';
import { createEngine, type Engine } from './workflow/index.ts';

/** What a sidecar gets from whoever starts it. */
export interface SidecarOptions {
  readonly config: Config;
  /** Environment that agents may inherit named parts of. */
  readonly environment: Environment;
  /** Default: the machine’s clock. */
  readonly clock?: Clock;
  /** Check every answer against the contract. For tests; costs time. Default false. */
  readonly checkAnswers?: boolean;
  /** Other times that a connection may take, for tests. */
  readonly connectionTimes?: DoorsNeeds['connectionTimes'];
  /** Given every line of the log, with its line feed, besides the file. */
  readonly onLogLine?: (line: string) => void;
  /** Told the name of each part while stopping. */
  readonly onClosing?: (part: string) => void;
  /** Told of a part that was not closed by its deadline while stopping, and what still holds it. */
  readonly onHeld?: (part: string, deadlineMs: number, holding: string | undefined) => void;
}

/** A running sidecar. */
export interface Sidecar {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Stops everything in reverse order of starting; stopping twice is once. */
  stop(): Promise<void>;
}

/**
 * Starts a sidecar: opens every part in order and, when one fails to open, closes what was opened.
 * @throws {DirectoryBusyError} when another process owns the data directory.
 * @throws {StoreError} when the store was written by a newer version.
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const scope = new Scope(options);
  try {
    return await open(options, scope);
  } catch (cause) {
    // Why it could not start is what counts, also where a part that is only half open cannot close.
    await scope.close().catch(() => undefined);
    throw cause;
  }
}

async function open(
  { config, environment, clock = systemClock, checkAnswers = false, connectionTimes = {}, onLogLine }: SidecarOptions,
  scope: Scope,
): Promise<Sidecar> {
  const nowMs = (): number => clock.nowMs();
  const ids = createIds(nowMs);
  const places = openDataDir(config.dataDir);
  scope.own('directory lock', lockDirectory(places.root, process.pid), (lock) => lock.release());
  if (existsSync(places.restoring)) {
    throw new StoreError(`A restore of ${places.root} was interrupted. Run \`sidecar restore\` again.`);
  }
  const rotation = {
    maxBytes: config.logMaxBytes,
    maxAgeMs: config.logMaxAgeHours * HOUR_MS,
    keep: config.logFilesKept,
    retentionMs: config.logRetentionDays * DAY_MS,
  };
  const logFile = scope.own('log', new LogFile(join(places.logs, 'sidecar.log'), rotation, nowMs), (it) => it.close());
  const logger = createLogger(config.logLevel, {
    write(line) {
      logFile.write(line);
      onLogLine?.(line);
    },
  });
  scope.own('last line of the log', logger, (it) => {
    if (scope.held.length === 0) it.info({}, 'stopped');
    else it.warn({ left_open: scope.held }, 'stopped, with parts that did not close in time');
  });
  const metrics = new Metrics(() => clock.elapsedMs());
  const tracer = await openTracer(config, logger, scope);
  const breakers = new CircuitBreakers({
    clock,
    onTurn: (breaker, isOpen) =>
      logger.warn({ breaker }, isOpen ? 'has failed too often and is left alone' : 'works again'),
  });

  const opening = { newEpoch: ids.uuid().slice(0, 8), nowMs: nowMs() };
  const database = scope.own('store', openStore(places, opening), (it) => it.close());
  if (database.loss !== null)
    logger.error({ loss: database.loss }, 'the store is older than what it was known to hold');
  const checkpoints = scope.own(
    'checkpoints',
    new Checkpoints({ path: places.database, walBytes: () => database.walBytes(), clock, logger }),
    (it) => it.close(),
  );
  const observed = observeCommits(metrics, tracer);
  const untold = (cause: unknown): void => logger.error({ err: cause }, 'what was stored could not be told to all');
  const writer = scope.own(
    'writer',
    new Writer(
      database,
      (report) => {
        observed(report);
        if (report.committed) checkpoints.committed();
        else probe.refused();
      },
      untold,
    ),
    (it) => it.close(),
    {
      holding: ({ depth }) => `${depth} writes wait for the disk`,
    },
  );
  const probe = new StoreProbe({ database, writer, clock });
  const bus = openEvents(
    { config, database, writer, clock, ids, logger, breakers, mirrorFile: places.eventLog },
    scope,
  );
  const { log, events, subscribers, registry, consumers, deadLetters, eventLogMirror, retention } = bus;

  const directories = profileDirectories(config);
  const profiles = scope.own('profiles', createProfileRegistry({ directories, clock, logger }), (it) => it.close());
  const identity = { database, writer, clock, ids, logger, places };
  const { keys, tokens, audit } = await openIdentity(identity, scope);
  const context = scope.own(
    'context',
    createContextInjector({
      cacheDir: places.contextCache,
      cacheMaxBytes: config.contextCacheMaxBytes,
      breakers,
      now: () => new Date(nowMs()),
      logger,
      onStage: metrics.timesBy('sidecar_context_stage_seconds', 'Time of the stages of gathering a context.', 'stage'),
    }),
    (it) => it.close(),
  );
  const resultStore = new ResultStore(database);
  const resultMirror = scope.own(
    'result mirror',
    new ResultMirror(places.results, {
      store: resultStore,
      clock,
      logger,
      breaker: breakers.around({ kind: 'result_mirror', name: 'result mirror' }),
    }),
    (it) => it.close(),
  );
  const results = new Results({
    store: resultStore,
    mirror: resultMirror,
    events,
    writer,
    clock,
    ids,
    handOver: { nextAgents: (result) => engine.nextAgents(result) },
  });
  const mirrors = scope.own('mirrors', new Mirrors({ results: resultMirror, eventLog: eventLogMirror, logger }), (it) =>
    it.close(),
  );
  const issues = new Issues({ store: new IssueStore(database), events, writer, clock, ids });
  const buildStatus = scope.own('build status', new BuildStatus(log), (it) => it.close());
  const brief = createBriefing({ context, issues, results, buildStatus, tracer });
  const projects = new Projects({ store: new ProjectStore(database), writer, clock });
  if (config.project !== null) projects.makeDefault((await projects.add(config.project)).project_id);

  const path = environment['PATH'] ?? DEFAULT_PATH;
  let url = '';
  const sidecarUrl = (): string => `${url}/api`;
  const stopping = new AbortController();
  scope.own('gathering', stopping, (it) => it.abort());
  const { supervisor, agents } = await openAgents(
    {
      config,
      database,
      places,
      path,
      announce(transaction, event) {
        events.announce(transaction, event);
        audit.append(transaction, {
          action: event.eventType,
          project_id: event.projectId,
          target: typeof event.data['agent_id'] === 'string' ? event.data['agent_id'] : null,
          correlation_id: event.correlationId ?? null,
        });
      },
      subscribers: consumers,
      writer,
      clock,
      ids,
      logger,
      tracer,
      breakers,
      tokens,
      profiles,
      environment,
      context: ({ agent, projectDir, requirements }, profile, signal) =>
        brief({
          project: { project_id: agent.project_id, root: projectDir },
          issueId: agent.issue_id ?? '',
          profile,
          requirements,
          task: agent.task,
          signal,
        }),
      sidecarUrl,
      deliver: (agent, request, signal) => {
        const { name, input } = callOfKept(request);
        return doors.dispatcher.dispatchAs(principalOf(agent), name, input, signal);
      },
      random: Math.random,
      handIn: createHandIn({ results, profiles }),
    },
    scope,
  );
  const engine: Engine = createEngine({
    database,
    writer,
    events,
    log,
    issues,
    results,
    profiles,
    projects: { list: () => projects.visibleTo({ kind: 'operator' }) },
    agents,
    languages: (projectId) => projectLanguages(projects.require(projectId).root, stopping.signal),
    projectChecks: ({ root }) => projectChecks(root, path),
    runCheck: async ({ project, issueId, command, timeoutMs }, signal) => {
      // Test runners that watch for changes do so only where nobody says that this is not a terminal of a person’s.
      const env = { ...inheritedEnvironment(environment), CI: '1' };
      const marker = checkMarker(places.root, project.project_id, issueId);
      const report = await runCommand({ command, cwd: project.root, env, timeoutMs, signal, marker });
      if (signal.aborted) return { ...report, treeHash: null };
      return { ...report, treeHash: await treeHashUnlessOpen(breakers, project.root, signal) };
    },
    clock,
    logger,
    tracer,
  });
  scope.own('workflow engine', engine, (it) => it.close());

  const operatorTokenFile = places.operatorToken;
  const broker = openBroker({ config, clock, ids, logger, tokens, profiles, operatorTokenFile }, scope);
  const backups = scope.own(
    'backups',
    new Backups({
      places,
      version: VERSION,
      clock,
      logger,
      everyHours: config.backupEveryHours,
      keep: config.backupsKept,
    }),
    (it) => it.close(),
  );
  const { cleanUp, disk, pins } = openCleanUp(
    {
      config,
      database,
      writer,
      checkpoints,
      clock,
      logger,
      places,
      agents,
      audit,
      issues,
      results,
      resultStore,
      resultMirror,
      retention,
    },
    scope,
  );
  let phase: SidecarPhase = 'starting';
  const rooms: Rooms = {
    agents,
    audit,
    backups,
    breakers,
    brief,
    broker,
    cleanUp,
    clock,
    consumers,
    context,
    deadLetters,
    disk,
    events,
    issues,
    keys,
    log,
    logger,
    metrics,
    tracer,
    mirrors,
    phase: () => phase,
    pins,
    profiles,
    projects,
    results,
    sidecarUrl,
    store: {
      check: () => probe.check(),
      loss: database.loss,
      sizeBytes: () => database.sizeBytes(),
      waitingWrites: () => writer.depth,
      oldestWaitMs: () => writer.oldestWaitMs,
    },
    subscribers,
    tokens,
    version: VERSION,
    workflow: engine,
  };
  observeRooms(metrics, {
    agents,
    breakers,
    broker,
    context,
    database,
    deadLetters,
    disk,
    engine,
    log,
    registry,
    subscribers,
    tracer,
    writer,
    connections: () => doors.webSockets.connections,
    version: VERSION,
  });
  const doors = await openDoors(
    {
      config,
      ids,
      rooms,
      audit,
      jwks: () => keys.jwks(),
      noteCall: (agentId, procedure, input) => agents.noteCall(agentId, procedure, input),
      checkAnswers,
      connectionTimes,
    },
    scope,
  );
  const bound = await listenAgain(doors, config, places.lastPort);
  url = bound.url;
  const { port } = bound;
  await supervisor.recover();
  await engine.start();

  const description = {
    url,
    port,
    ca_file: config.tlsCa ?? config.tlsCert,
    socket: config.socket,
    pid: process.pid,
    version: VERSION,
    started_at: isoTime(nowMs()),
  };
  writeFileSync(places.description, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
  scope.own('description', places.description, (path) => rmSync(path, { force: true }));
  scope.own(
    'sweeping',
    repeat(clock, SWEEP_MS, () => retention.sweep()),
    (it) => it.cancel(),
  );
  const house = keepHouse({ clock, config, logFile, logger, tokens });
  scope.own('housekeeping', house, (it) => it.cancel());
  mirrors.reconcile();
  backups.start();
  cleanUp.start();
  disk.start();
  scope.own(
    'reading profiles',
    clock.after(PROFILES_AFTER_MS, () => profiles.read()),
    (it) => it.cancel(),
  );
  phase = 'ready';
  logger.info({ url, data_dir: places.root }, 'ready');
  return {
    url,
    port,
    dataDir: places.root,
    stop: () => {
      if (phase !== 'stopping') logger.info({}, 'stopping');
      phase = 'stopping';
      return scope.close();
    },
  };
}

/** An agent as the sidecar knows it itself, without a token. */
function principalOf({ agent_id, agent_type, project_id, permissions }: Agent): AgentPrincipal {
  const known = { agentId: agent_id, agentType: agent_type, projectId: project_id, permissions };
  return { kind: 'agent', ...known, tokenId: '', expiresAtMs: Infinity };
}

/** Where programs are looked for when the environment does not say. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** When the profiles are read where nobody asks for one before: after whoever waited for the start has been answered. */
const PROFILES_AFTER_MS = 1000;
/** How often the log is trimmed: often, so that each time there is little to do. */
const SWEEP_MS = 1000;
