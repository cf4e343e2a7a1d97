import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SidecarError, type AgentContext, type Permission, type Profile } from '@orchestration-sidecar/shared';
import { ProcessStartError, type ChildHandle, type Processes, type ProcessRecord } from '../process/index.ts';
import { type CircuitBreaker, type CircuitBreakers } from '../runtime/circuit-breakers.ts';
import type { Environment } from '../runtime/config.ts';
import type { Ids } from '../runtime/ids.ts';
import type { AgentRecord } from './agent-record.ts';
import { agentEnvironment } from './environment.ts';
import { agentFiles, SEND_SCRIPT, type AgentFiles, type Launchers, type ProtocolName } from './launchers/index.ts';

/** Who hands out the tokens that agents act with. */
export interface TokenIssuer {
  issue(subject: {
    readonly agentId: string;
    readonly agentType: string;
    readonly projectId: string;
    readonly permissions: readonly Permission[];
  }): Promise<{ readonly token: string }>;
  /** Ends all tokens of an agent: they die with its process (DECISIONS 17). */
  revokeAgent(agentId: string): Promise<void>;
}

/** Who gathers the context that an agent starts with. */
export type ContextSource = (record: AgentRecord, profile: Profile, signal: AbortSignal) => Promise<AgentContext>;

/** What an attempt needs. */
export interface AttemptNeeds {
  readonly processes: Processes;
  readonly launchers: Launchers;
  readonly breakers: CircuitBreakers;
  readonly tokens: TokenIssuer;
  readonly context: ContextSource;
  readonly environment: Environment;
  readonly ids: Ids;
  /** Directory of the agents’ own directories. */
  readonly directory: string;
  /** Base of the REST routes, with `/api`; known once the sidecar listens. */
  readonly sidecarUrl: () => string;
  /** File in which the sidecar says where it listens. */
  readonly sidecarFile: string;
  /** Certificates (PEM) by which agents trust the sidecar; null: it speaks no TLS. */
  readonly sidecarCaFile: string | null;
}

const OPEN_FILES = 4096;
/** Smallest budget an attempt is told: none at all is not a budget. */
const LEAST_BUDGET_USD = 0.01;

/** Why a program could not be started, in words that tell no path of the machine. */
const START_FAULTS: Readonly<Record<ProcessStartError['reason'], string>> = {
  missing: 'is not there any more',
  not_executable: 'is not an executable file',
  no_interpreter: 'wants to be run by a program that is not there',
  no_directory: 'cannot run: the root of the project is not a directory any more',
  refused: 'was refused by the system (too many processes, no memory, or arguments that are too long)',
};

/** Files of one attempt: those that the launcher knows of, and the supervisor’s own. */
export interface AttemptFiles extends AgentFiles {
  readonly directory: string;
  /** When which part of the output was read. */
  readonly marks: string;
}

/** Where the files of one attempt lie. */
export function attemptFiles(directory: string, agentId: string, attempt: number): AttemptFiles {
  const own = join(directory, agentId, `attempt-${attempt}`);
  return { ...agentFiles(own), directory: own, marks: join(own, 'marks') };
}

/** Puts a process on record, which begins its work only then. */
export type KeepProcess = (process: ProcessRecord, protocol: ProtocolName) => Promise<unknown>;

/**
 * Starts one attempt of an agent: its directory, token, context and task, then its process.
 * @param keep see {@link Processes.start}.
 * @param signal calls the start off, as long as there is no process.
 * @throws {SidecarError} `LAUNCHER_UNAVAILABLE`; `CIRCUIT_OPEN` when the program has failed to start too often; the
 * signal’s reason.
 */
export async function startAttempt(
  record: AgentRecord,
  profile: Profile,
  needs: AttemptNeeds,
  keep: KeepProcess,
  signal: AbortSignal,
): Promise<ChildHandle> {
  const { agent } = record;
  const issueId = agent.issue_id ?? '';
  const files = attemptFiles(needs.directory, agent.agent_id, agent.attempt);
  await rm(files.directory, { recursive: true, force: true });
  await mkdir(files.directory, { recursive: true, mode: 0o700 });

  const plan = await needs.launchers.plan({
    agentId: agent.agent_id,
    agentType: agent.agent_type,
    issueId,
    projectId: agent.project_id,
    projectDir: record.projectDir,
    directory: files.directory,
    task: taskOf(record),
    prompt: profile.prompt,
    launcher: record.launcher ?? profile.launcher,
    mayWork: agent.permissions.includes('write_results'),
    tier: record.tier,
    sessionId: record.sessionId ?? needs.ids.uuid(),
    resume: record.sessionId !== undefined,
    sidecarUrl: needs.sidecarUrl(),
    ...budgetOf(record, profile),
    mcpUrl: null,
  });
  const context = await needs.context(record, profile, signal);
  signal.throwIfAborted();
  const { token } = await needs.tokens.issue({
    agentId: agent.agent_id,
    agentType: agent.agent_type,
    projectId: agent.project_id,
    permissions: agent.permissions,
  });
  const own = { mode: 0o600 };
  await writeFile(files.context, JSON.stringify(context), own);
  await writeFile(files.task, taskOf(record), own);
  await writeFile(files.send, SEND_SCRIPT, { mode: 0o700 });
  for (const file of plan.files) await writeFile(file.path, file.content, own);
  const environment = agentEnvironment({
    own: needs.environment,
    passOn: [...profile.environment, ...needs.launchers.passOn(record.launcher ?? profile.launcher)],
    allowed: profile.spawn_environment,
    requested: record.environment,
    sidecar: {
      AGENT_ID: agent.agent_id,
      AGENT_TYPE: agent.agent_type,
      ISSUE_ID: issueId,
      PROJECT_ID: agent.project_id,
      SIDECAR_URL: needs.sidecarUrl(),
      JWT_TOKEN: token,
      CONTEXT_FILE: files.context,
      TASK_FILE: files.task,
      CORRELATION_ID: record.correlationId,
      SIDECAR_FILE: needs.sidecarFile,
      ...(needs.sidecarCaFile === null ? {} : { SIDECAR_CA_FILE: needs.sidecarCaFile }),
      SIDECAR_OUTBOX: files.outbox,
      SIDECAR_SEND: files.send,
      ...(record.traceparent === null ? {} : { TRACEPARENT: record.traceparent }),
      ...(record.tracestate === undefined ? {} : { TRACESTATE: record.tracestate }),
    },
  });
  const { limits } = profile;
  signal.throwIfAborted();
  try {
    const start = () =>
      needs.processes.start(
        {
          file: plan.file,
          args: plan.args,
          cwd: record.projectDir,
          env: { ...environment, ...plan.env },
          ...(plan.stdin === undefined ? {} : { stdin: plan.stdin }),
          stdoutFile: files.stdout,
          stderrFile: files.stderr,
          exitFile: files.exit,
          limits: {
            wallSeconds: limits.wall_seconds,
            memoryMb: limits.memory_mb,
            cpuSeconds: limits.cpu_seconds,
            outputMb: limits.output_mb,
            openFiles: OPEN_FILES,
            processes: limits.processes,
          },
          marker: agent.agent_id,
        },
        (process) => keep(process, plan.protocol),
      );
    return await launcherBreaker(needs.breakers, plan.file).run(start);
  } catch (cause) {
    if (!(cause instanceof ProcessStartError)) throw cause;
    const program = basename(cause.program);
    const detail = `${program} ${START_FAULTS[cause.reason]}. Mend that, or choose another \`launcher\`.`;
    throw new SidecarError('LAUNCHER_UNAVAILABLE', detail, { cause, extension: { programs: [program] } });
  }
}

/** What is left of the cost that the agent may cause in all its attempts; nothing where that is any amount. */
function budgetOf({ usageBefore }: AgentRecord, { limits }: Profile): { maxBudgetUsd?: number } {
  if (limits.cost_usd === null) return {};
  return { maxBudgetUsd: Math.max(LEAST_BUDGET_USD, limits.cost_usd - (usageBefore?.cost_usd ?? 0)) };
}

/** The breaker around a program that agents are started with. */
export function launcherBreaker(breakers: CircuitBreakers, program: string): CircuitBreaker {
  return breakers.around({
    kind: 'launcher',
    key: program,
    name: `launcher ${basename(program)}`,
    // A project whose root is gone is no fault of the program.
    isFailure: (cause) => cause instanceof ProcessStartError && cause.reason !== 'no_directory',
  });
}

/** The task, and for a further attempt what went wrong before (specification "Error Recovery Flow"). */
function taskOf({ agent, failures }: AgentRecord): string {
  if (failures.length === 0) return agent.task;
  const history = failures.map(({ attempt, reason, detail }) => `- attempt ${attempt} (${reason}): ${detail}`);
  return `${agent.task}\n\nEarlier attempts at this task failed:\n${history.join('\n')}\nDo it differently where that was the cause.`;
}
