import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, type Failure } from './failure.ts';

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
