import type { Command } from 'commander';
import type { QueuePlace, SpawnForecast } from '@orchestration-sidecar/shared';
import { connects, printAnswer, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { assignments, collected, fitting, jsonObject, textArgument } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { cleanText } from '../render/text.ts';
import type { Terminal } from '../terminal.ts';

interface SpawnOptions extends ReadOptions {
  readonly issue: string;
  readonly task: string;
  readonly project?: string;
  readonly context?: readonly string[];
  readonly env?: readonly string[];
  readonly launcher?: string;
  readonly idempotencyKey?: string;
  readonly dryRun?: boolean;
}

/** `sidecar spawn`: starts one agent. */
export function addSpawn(program: Command, terminal: Terminal): void {
  withExamples(
    connects(
      program
        .command('spawn <agent_type>')
        .summary('start an agent')
        .description(
          'Starts an agent process with its context and its token, or queues it until a slot is free. Prints the ' +
            'agent’s id. With --dry-run it only says what would happen now, and exits with 1 where that is a refusal.',
        )
        .requiredOption('--issue <issue>', 'issue that the agent works on')
        .requiredOption('--task <text>', 'what it shall do: text, @file, or - for standard input')
        .option('--project <project>', 'project of the issue, where the id is not unique')
        .option('--context <name>', 'context it gets instead of its profile’s; repeat for several', collected)
        .option('--env <NAME=value>', 'environment of the agent; repeat for several', collected)
        .option('--launcher <json>', 'another launcher than the profile’s: JSON or @file; for the operator only')
        .option('--idempotency-key <key>', 'the same key starts one agent, however often it is sent')
        .option('--dry-run', 'start nothing, say what would happen')
        .option('--json', 'print the whole answer as JSON'),
    ),
    'sidecar spawn rust-pro --issue shop-7 --task "Make the parser streaming"',
    'sidecar spawn test-engineer --issue shop-7 --task @task.md --context test_files --context previous_outputs',
    `sidecar spawn rust-pro --issue shop-7 --task - --launcher '{"kind":"command","program":"./agent.sh"}' < task.md`,
  ).action((agentType: string, options: SpawnOptions) =>
    withClient(options, terminal, async (client) => {
      const { Launcher } = await import('@orchestration-sidecar/shared');
      const launcher = options.launcher && jsonObject(await textArgument(options.launcher, terminal), '--launcher');
      const request = {
        agent_type: agentType,
        issue_id: options.issue,
        task: await textArgument(options.task, terminal),
        project_id: options.project,
        environment: assignments(options.env ?? []),
        ...(options.context && { context_requirements: [...options.context] }),
        ...(launcher && { launcher: fitting(Launcher, launcher, '--launcher') }),
      };
      if (options.dryRun) {
        const forecast = await whileWaiting(terminal, 'Asking the sidecar', client.agents.preflight(request));
        printAnswer(terminal, options, forecast, () => forecastLines(forecast));
        if (forecast.would !== 'refuse') return;
        throw new CommandFailure('The agent would be refused.', { exitCode: EXIT.failed });
      }
      const asked = client.agents.spawn({ ...request, idempotency_key: options.idempotencyKey });
      const spawned = await whileWaiting(terminal, 'Gathering the context and starting the agent', asked);
      printAnswer(terminal, options, spawned, () => [spawned.agent_id]);
      if (spawned.queue) terminal.note(queueText(spawned.queue));
    }),
  );
}

function forecastLines({ would, queue, problems, freed_by }: SpawnForecast): string[] {
  return [
    `It would ${would}.`,
    ...(queue ? [queueText(queue)] : []),
    ...problems.map(({ code, detail }) => cleanText(`- ${detail} (${code})`)),
    ...(freed_by.length === 0
      ? []
      : [`A slot is free when one of these ends: ${freed_by.map(({ agent_id }) => agent_id).join(', ')}`]),
  ];
}

function queueText({ position, length, waits_for }: QueuePlace): string {
  return `Queued: place ${position} of ${length}, ${WAITS_FOR[waits_for]}.`;
}

const WAITS_FOR: Readonly<Record<QueuePlace['waits_for'], string>> = {
  slot: 'until a slot is free',
  project: 'until a slot of its project is free',
  type: 'until a slot of its agent type is free',
  retry: 'until the pause before its next attempt is over',
};
