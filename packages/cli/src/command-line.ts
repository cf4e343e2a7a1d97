import { CommanderError, type Command } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { describeFailure } from './describe-failure.ts';
import { createProgram } from './program.ts';
import { renderFailure } from './render/failure.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** Runs one command line in this process; answers what the process shall exit with. Never throws. */
export async function run(args: readonly string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  const program = createProgram(terminal, args[0]);
  let ran: Command = program;
  program.hook('preAction', (_program, action) => void (ran = action));
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (cause) {
    // Help and version end commander too; what was wrong with the command line it has already said.
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (terminal.outputClosed.aborted) return EXIT.ok;
    const failure = await describeFailure(cause, ran);
    terminal.note(renderFailure(failure, terminal.paintNote));
    return failure.exitCode;
  }
}
