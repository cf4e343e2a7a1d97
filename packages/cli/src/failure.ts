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
