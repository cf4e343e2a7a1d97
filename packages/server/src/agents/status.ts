import type { AgentStatus, LimitInForce, QueuePlace } from '@orchestration-sidecar/shared';
import { lastLines, type ChildHandle, type ProcessLimits } from '../process/index.ts';
import { MAX_KEY_LINES, SecretLines } from '../telemetry/redact-secrets.ts';
import type { AgentRecord } from './agent-record.ts';
import type { AttemptFiles } from './attempt.ts';

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

/** The last lines of an attempt’s output and errors, secrets blotted out. */
export async function logTail(files: AttemptFiles): Promise<string[]> {
  return [...(await tailOf(files.stdout)), ...(await tailOf(files.stderr))].slice(-TAIL_LINES);
}

async function tailOf(path: string): Promise<string[]> {
  const secrets = new SecretLines();
  // Read from further back, for a private key that begins there.
  const lines = (await lastLines(path, TAIL_LINES + MAX_KEY_LINES)).map((line) => secrets.redact(line));
  return lines.slice(-TAIL_LINES);
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
