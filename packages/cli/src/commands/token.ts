import type { Command } from 'commander';
import { connects, printAnswer, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar token`: who an agent is and what it may do. */
export function addToken(program: Command, terminal: Terminal): void {
  const token = program.command('token').summary('make and refresh agent tokens').description('Tokens of agents.');

  withExamples(
    connects(
      token
        .command('create')
        .summary('make a token for an agent')
        .description(
          'Makes a token for an agent that the sidecar does not start, valid for an hour. Prints the token alone.',
        )
        .requiredOption('--agent-type <type>', 'agent type that the token is for')
        .option('--project <project>', 'project that the agent works on (default: the only one)')
        .option('--json', 'print the whole answer as JSON: token, expires_at, agent_id, permissions'),
    ),
    'export JWT_TOKEN="$(sidecar token create --agent-type rust-pro --project shop)"',
  ).action((options: ReadOptions & { readonly agentType: string; readonly project?: string }) =>
    withClient(options, terminal, async (client) => {
      const input = { agent_type: options.agentType, project_id: options.project };
      const grant = await whileWaiting(terminal, 'Making a token', client.tokens.create(input));
      printAnswer(terminal, options, grant, () => [grant.token]);
    }),
  );

  withExamples(
    connects(
      token
        .command('refresh')
        .summary('exchange an agent’s token for a fresh one')
        .description(
          'Answers a fresh token for the agent of --token; the old one ends shortly after. Prints the token alone.',
        )
        .option('--json', 'print the whole answer as JSON'),
    ),
    'JWT_TOKEN="$(SIDECAR_TOKEN="$JWT_TOKEN" sidecar token refresh)"',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const grant = await whileWaiting(terminal, 'Refreshing the token', client.tokens.refresh({}));
      printAnswer(terminal, options, grant, () => [grant.token]);
    }),
  );
}
