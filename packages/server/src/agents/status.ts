import type { AgentStatus, LimitInForce, QueuePlace } from '@orchestration-sidecar/shared';
import { lastLines, type ChildHandle, type ProcessLimits } from '../process/index.ts';
import type { AgentRecord } from './agent-record.ts';
import type { AttemptFiles } from './attempt.ts';
import { redactTokens } from './redact-tokens.ts';

/** Names of the limits as callers know them. */
const NAMES: Readonly<Record<keyof ProcessLimits, string>> = {
  wallSeconds: 'wall_seconds',
  memoryMb: 'memory_mb',
  cpuSeconds: 'cpu_seconds',
  outputMb: 'output_mb',
  openFiles: 'open_files',
  processes: 'processes',
};
const TAIL_LINES = 50;

/** What only the status of an agent tells, besides the end of its output. */
export function statusOf(
  record: AgentRecord,
  handle: ChildHandle | undefined,
  place: QueuePlace | undefined,
): Omit<AgentStatus, keyof AgentRecord['agent'] | 'log_tail'> {
  const usage = handle?.usage ?? null;
  return {
    model_tier: record.tier,
    queue: place ?? null,
    failures: [...record.failures],
    limits: limitsOf(record),
    resources: usage && { processes: usage.processes, memory_bytes: usage.memoryBytes, cpu_ms: usage.cpuMs },
  };
}

/** The last lines of an attempt’s output and errors, tokens blotted out. */
export async function logTail(files: AttemptFiles): Promise<string[]> {
  const lines = [...(await lastLines(files.stdout, TAIL_LINES)), ...(await lastLines(files.stderr, TAIL_LINES))];
  return lines.slice(-TAIL_LINES).map(redactTokens);
}

function limitsOf({ process }: AgentRecord): LimitInForce[] {
  if (!process) return [];
  const { limits, limitsInForce } = process;
  const names: readonly (keyof ProcessLimits)[] = [
    'wallSeconds',
    'memoryMb',
    'cpuSeconds',
    'outputMb',
    'openFiles',
    'processes',
  ];
  return names.map((name) => ({ name: NAMES[name], limit: limits[name], enforced_by: [...limitsInForce[name]] }));
}
