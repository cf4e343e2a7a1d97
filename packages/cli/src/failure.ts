import type { Command } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** What a person is told when a command fails. */
export interface Failure {
  readonly exitCode: ExitCode;
  /** What happened. */
  readonly message: string;
  /** Single faults of the input. */
  readonly details: readonly string[];
  /** What to do next; undefined when the message says it all. */
  readonly recovery: string | undefined;
  /** Finds the request in the log of the sidecar. */
  readonly correlationId: string | undefined;
}

/** What to do where the command line is at fault. */
export const SEE_HELP = 'Run it with --help to see what is possible.';

/** What else is known of a failure. */
export interface FailureOptions {
  /** Default {@link EXIT.failed}. */
  readonly exitCode?: ExitCode;
  readonly details?: readonly string[];
  readonly recovery?: string;
  readonly cause?: unknown;
}

/** Why a command ends without success, in words for the person who typed it. */
export class CommandFailure extends Error implements Failure {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;
  readonly details: readonly string[];
  readonly recovery: string | undefined;
  readonly correlationId = undefined;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.details = options.details ?? [];
    this.recovery = options.recovery;
  }
}

/** Says in words what a command failed with; what the sidecar takes no value of is named as the command names it. */
export async function describeFailure(cause: unknown, command: Command): Promise<Failure> {
  if (cause instanceof CommandFailure) return cause;
  if (cause instanceof Error && cause.name === 'ConfigError') {
    const faults = cause.message.split('\n');
    return new CommandFailure(`The configuration cannot be used${faults.length === 1 ? `: ${cause.message}` : '.'}`, {
      exitCode: EXIT.usage,
      details: faults.length === 1 ? [] : faults,
      recovery: '`sidecar config show` says what is set, and by what; docs/configuration.md what can be set.',
    });
  }
  // Only a command that has spoken to a sidecar, and so loaded it, can fail with its error.
  if (cause instanceof Error && cause.name === 'SidecarError') {
    const { describeSidecarError } = await import('./sidecar-failure.ts');
    const failure = describeSidecarError(cause, command);
    if (failure) return failure;
  }
  const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return {
    exitCode: EXIT.failed,
    message: `Something went wrong that should not have: ${message}`,
    details: [],
    recovery: 'Please report it, with the command you ran.',
    correlationId: undefined,
  };
}
