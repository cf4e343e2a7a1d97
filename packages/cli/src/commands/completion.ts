import { Argument, type Command } from 'commander';
import { withExamples } from '../help-text.ts';
import { bashCompletion, completionsOf, fishCompletion, zshCompletion } from '../render/completion.ts';
import type { Terminal } from '../terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const RENDER = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** `sidecar completion`: lets a shell complete the commands. */
export function addCompletion(program: Command, terminal: Terminal): void {
  withExamples(
    program
      .command('completion')
      .summary('print a completion script for a shell')
      .description('Prints a script with which a shell completes commands, options and their values.')
      .addArgument(new Argument('<shell>').choices(SHELLS)),
    'source <(sidecar completion bash)',
    'sidecar completion zsh > "${fpath[1]}/_sidecar"',
    'sidecar completion fish > ~/.config/fish/completions/sidecar.fish',
  ).action((shell: (typeof SHELLS)[number]) => terminal.write(RENDER[shell](completionsOf(program))));
}
