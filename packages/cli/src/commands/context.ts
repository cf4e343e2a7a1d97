import type { Command } from 'commander';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { contextLines } from '../render/context.ts';
import type { Terminal } from '../terminal.ts';

interface ContextOptions extends ReadOptions {
  readonly project?: string;
  readonly maxBytes?: number;
  readonly maxTokens?: number;
  readonly markdown?: boolean;
  readonly file?: string;
  readonly clear?: boolean;
}

/** `sidecar context`: what an agent is shown of the project. */
export function addContext(program: Command, terminal: Terminal): void {
  withExamples(
    reads(
      program
        .command('context <issue> [agent_type]')
        .summary('show what an agent is shown of the project')
        .description(
          'Shows the context that an agent type gets for an issue: which files and why, what was left out, git and what ' +
            'earlier agents decided. --json prints the context itself.',
        )
        .option('--file <path>', 'print one file of the project, under the rules of the context')
        .option('--max-bytes <bytes>', 'hard upper bound of the context (default 10 MB)', wholeNumber)
        .option('--max-tokens <tokens>', 'hard upper bound in tokens of o200k_base', wholeNumber)
        .option('--markdown', 'print it as a prompt, ready to hand to a model')
        .option('--clear', 'forget the cached contexts of the issue instead')
        .option('--project <project>', 'project of the issue, where the id is not unique'),
    ),
    'sidecar context shop-7 rust-pro',
    'sidecar context shop-7 rust-pro --json > context.json',
    'sidecar context shop-7 rust-pro --file src/cart.rs',
    'sidecar context shop-7 --clear',
  ).action((issue: string, agentType: string | undefined, options: ContextOptions) =>
    context(issue, agentType, options, terminal),
  );
}

async function context(
  issue_id: string,
  agentType: string | undefined,
  options: ContextOptions,
  terminal: Terminal,
): Promise<void> {
  const { project: project_id, file: path, maxBytes: max_bytes, maxTokens: max_tokens } = options;
  await withClient(options, terminal, async (client) => {
    if (options.clear) {
      const cleared = await whileWaiting(
        terminal,
        'Forgetting the contexts',
        client.context.clear({ issue_id, project_id }),
      );
      return printAnswer(terminal, options, cleared, () => [`${cleared.entries_removed} cached contexts forgotten.`]);
    }
    if (agentType === undefined) {
      throw new CommandFailure('Which agent type’s context?', {
        exitCode: EXIT.usage,
        recovery: 'Name one after the issue; `sidecar profiles list` shows them.',
      });
    }
    const target = { issue_id, agent_type: agentType, project_id };
    if (path !== undefined) {
      const file = await whileWaiting(terminal, 'Reading the file', client.context.file({ ...target, path }));
      if (options.json) return printAnswer(terminal, options, file, () => []);
      terminal.write(file.content);
      if (file.truncated) terminal.note('The file was cut off.');
      return;
    }
    const bounded = { ...target, max_bytes, max_tokens };
    if (options.markdown) {
      const asked = client.context.prompt(bounded);
      return terminal.write((await whileWaiting(terminal, 'Gathering the context', asked)).prompt);
    }
    const gathered = await whileWaiting(terminal, 'Gathering the context', client.context.get(bounded));
    printAnswer(terminal, options, gathered, () => contextLines(gathered, terminal));
  });
}
