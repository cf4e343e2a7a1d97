import { join } from 'node:path';
import type { Launcher, ModelTier } from '@orchestration-sidecar/shared';

/** One attempt at running an agent, as a launcher needs to know it. */
export interface AgentRun {
  readonly agentId: string;
  readonly agentType: string;
  readonly issueId: string;
  readonly projectId: string;
  /** Root of the project, where the agent works; absolute. */
  readonly projectDir: string;
  /** The agent’s own directory, mode 0700; absolute. {@link agentFiles} says what lies in it. */
  readonly directory: string;
  readonly task: string;
  /** Prompt of the profile. */
  readonly prompt: string;
  readonly launcher: Launcher;
  /** Whether it is to change files and run commands, and not only to read. */
  readonly mayWork: boolean;
  readonly tier: ModelTier;
  /** UUID of the agent program’s own session, never used before; with `resume` the one to go on with. */
  readonly sessionId: string;
  readonly resume: boolean;
  /** Base of the REST routes, with `/api`. */
  readonly sidecarUrl: string;
  /** The sidecar’s MCP endpoint; null: none is offered to the agent. */
  readonly mcpUrl: string | null;
  readonly maxTurns?: number;
  readonly maxBudgetUsd?: number;
}

/** Files in an agent’s own directory. */
export interface AgentFiles {
  readonly context: string;
  readonly task: string;
  readonly script: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: string;
  /** Folder of what the agent keeps while the sidecar is away. */
  readonly outbox: string;
  /** Program that hands in, and keeps what cannot be: {@link SEND_SCRIPT}. */
  readonly send: string;
}

/** Where the files of an agent lie. */
export function agentFiles(directory: string): AgentFiles {
  return {
    context: join(directory, 'context.json'),
    task: join(directory, 'task.txt'),
    script: join(directory, 'launch.sh'),
    stdout: join(directory, 'stdout.log'),
    stderr: join(directory, 'stderr.log'),
    exit: join(directory, 'exit'),
    outbox: join(directory, 'outbox'),
    send: join(directory, 'sidecar-send'),
  };
}
