import type { ProcessIdentity } from './process-identity.ts';

/** Bounds of one agent: of its whole process tree unless said otherwise. */
export interface ProcessLimits {
  /** Longest run, in seconds of real time. */
  readonly wallSeconds: number;
  /** Memory of its own (resident, not shared), in MiB. */
  readonly memoryMb: number;
  /** CPU time, in seconds. */
  readonly cpuSeconds: number;
  /** Standard output and error together, in MiB. */
  readonly outputMb: number;
  /** Open descriptors of each process. */
  readonly openFiles: number;
  /**
   * Processes; in a control group threads count as well. Not by RLIMIT_NPROC: that counts everything of the user, so
   * that other programs would stop an agent, and root is not held to it.
   */
  readonly processes: number;
}

/**
 * What holds an agent to a limit. `cgroup`: the kernel, for the tree. `rlimit`: the kernel, for each process.
 * `watch`: the sidecar, which looks every second (output: four times a second) and stops the agent.
 */
export type Enforcement = 'cgroup' | 'rlimit' | 'watch';

/** What is in force for each limit; an empty list: nothing. */
export type LimitsInForce = Readonly<Record<keyof ProcessLimits, readonly Enforcement[]>>;

/** What to start and how to hold it. */
export interface StartPlan {
  /** Absolute path of the program. */
  readonly file: string;
  /** Arguments. They are public on the machine: no token, no task. */
  readonly args: readonly string[];
  /** Working directory; absolute. */
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Text on standard input; none: it is empty. */
  readonly stdin?: string;
  /**
   * Keeps standard input open after the text until `stop` closes it, which asks the program to end. The program
   * then also sees it close when the sidecar dies. Default false: the text comes from a file and the sidecar’s
   * death goes unnoticed.
   */
  readonly holdStdin?: boolean;
  /** Files that output is appended to, made with mode 0600; both may be the same. */
  readonly stdoutFile: string;
  readonly stderrFile: string;
  /** File that the exit status is written to; removed first. Its directory must exist and be private. */
  readonly exitFile: string;
  readonly limits: ProcessLimits;
  /** Names the process tree; unique, made of letters, digits, `.`, `_` and `-`. The agent id will do. */
  readonly marker: string;
}

/** What must be kept to find a started process again after the sidecar died. Plain JSON. */
export interface ProcessRecord {
  /** The program itself. */
  readonly program: ProcessIdentity;
  /** Leader of its process group and session: the shim that writes the exit status. */
  readonly leader: ProcessIdentity;
  /** Boot of the machine in which these identities hold. */
  readonly bootId: string;
  readonly marker: string;
  /** Directory of its control group, or null. */
  readonly cgroup: string | null;
  readonly stdoutFile: string;
  readonly stderrFile: string;
  readonly exitFile: string;
  readonly limits: ProcessLimits;
  readonly limitsInForce: LimitsInForce;
  readonly startedAtMs: number;
}
