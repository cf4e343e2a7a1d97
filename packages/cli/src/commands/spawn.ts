import type { Command } from 'commander';
import { connects, printAnswer, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { assignments, collected, fitting, jsonObject, textArgument } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

interface SpawnOptions extends ReadOptions {
  readonly issue: string;
  readonly task: string;
  readonly project?: string;
  readonly context?: readonly string[];
  readonly env?: readonly string[];
  readonly launcher?: string;
  readonly idempotencyKey?: string;
}

/** `sidecar spawn`: starts one agent. */
export function addSpawn(program: Command, terminal: Terminal): void {
  withExamples(
    connects(
      program
        .command('spawn <agent_type>')
        .summary('start an agent')
        .description('Starts an agent process with its context and its token. Prints the agent’s id.')
        .requiredOption('--issue <issue>', 'issue that the agent works on')
        .requiredOption('--task <text>', 'what it shall do: text, @file, or - for standard input')
        .option('--project <project>', 'project of the issue, where the id is not unique')
        .option('--context <name>', 'context it gets instead of its profile’s; repeat for several', collected)
        .option('--env <NAME=value>', 'environment of the agent; repeat for several', collected)
        .option('--launcher <json>', 'another launcher than the profile’s: JSON or @file; for the operator only')
        .option('--idempotency-key <key>', 'the same key starts one agent, however often it is sent')
        .option('--json', 'print the whole answer as JSON'),
    ),
    'sidecar spawn rust-pro --issue shop-7 --task "Make the parser streaming"',
    'sidecar spawn test-engineer --issue shop-7 --task @task.md --context test_files --context previous_outputs',
    `sidecar spawn rust-pro --issue shop-7 --task - --launcher '{"kind":"command","program":"./agent.sh"}' < task.md`,
  ).action((agentType: string, options: SpawnOptions) =>
    withClient(options, terminal, async (client) => {
      const { Launcher } = await import('@orchestration-sidecar/shared');
      const launcher = options.launcher && jsonObject(await textArgument(options.launcher, terminal), '--launcher');
      const asked = client.agents.spawn({
        agent_type: agentType,
        issue_id: options.issue,
        task: await textArgument(options.task, terminal),
        project_id: options.project,
        environment: assignments(options.env ?? []),
        ...(options.context && { context_requirements: [...options.context] }),
        ...(launcher && { launcher: fitting(Launcher, launcher, '--launcher') }),
        idempotency_key: options.idempotencyKey,
      });
      const spawned = await whileWaiting(terminal, 'Gathering the context and starting the agent', asked);
      printAnswer(terminal, options, spawned, () => [spawned.agent_id]);
    }),
  );
}
