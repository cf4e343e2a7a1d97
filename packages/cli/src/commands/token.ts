import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { connects, printAnswer, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure, SEE_HELP } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { counted } from '../render/quantity.ts';
import { renderFields } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar token`: who an agent is and what it may do. */
export function addToken(program: Command, terminal: Terminal): void {
  const token = program.command('token').summary('make, inspect and end agent tokens').description('Tokens of agents.');

  withExamples(
    connects(
      token
        .command('create')
        .summary('make a token for an agent')
        .description(
          'Makes a token for an agent that the sidecar does not start, valid for an hour. Prints the token alone.',
        )
        .requiredOption('--agent-type <type>', 'agent type that the token is for')
        .addOption(new ProjectOption('project that the agent works on'))
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

  withExamples(
    connects(
      token
        .command('inspect')
        .summary('say what a token is good for')
        .description(
          'Says whose a token is, what it may do and until when. Without a file: the token that the command itself sends.',
        )
        .argument('[file]', 'file that holds the token, `-` for the standard input; never a token itself')
        .option('--json', 'print the answer as JSON'),
    ),
    'printf %s "$JWT_TOKEN" | sidecar token inspect -',
    'sidecar token inspect ./agent.token',
  ).action((file: string | undefined, options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const named = file === undefined ? {} : { token: await readToken(file, terminal) };
      const state = await whileWaiting(terminal, 'Asking', client.tokens.introspect(named));
      printAnswer(terminal, options, state, () =>
        renderFields(
          [
            ['token', state.active ? `good, ${state.holder ?? ''}’s` : `not good: ${state.reason ?? ''}`],
            ['token id', state.token_id ?? ''],
            ['agent', state.agent_id ?? ''],
            ['agent type', state.agent_type ?? ''],
            ['project', state.project_id ?? ''],
            ['permissions', state.permissions.join(', ')],
            ['expires', state.expires_at ?? ''],
          ],
          terminal,
        ),
      );
      if (!state.active) throw new CommandFailure('The token is not good.', { exitCode: EXIT.failed });
    }),
  );

  withExamples(
    connects(
      token
        .command('revoke')
        .summary('end tokens at once')
        .description('Ends tokens at once, open subscriptions included. Name exactly one of the options.')
        .option('--id <token-id>', 'one token; `sidecar token inspect` tells its id')
        .option('--agent <agent>', 'all tokens of an agent')
        .option('--project <project>', 'all tokens of a project')
        .option('--all', 'all tokens of all agents')
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar token revoke --agent rust-pro-0190f3c2-7b1e-7c3a-9d55-2f6d1b9f0a11',
  ).action((options: RevokeOptions) => {
    const { id: token_id, agent: agent_id, project: project_id, all } = options;
    if ([token_id, agent_id, project_id, all].filter((named) => named !== undefined).length !== 1) {
      throw new CommandFailure('Name exactly one of --id, --agent, --project and --all.', {
        exitCode: EXIT.usage,
        recovery: SEE_HELP,
      });
    }
    return withClient(options, terminal, async (client) => {
      const answer = await whileWaiting(
        terminal,
        'Revoking',
        client.tokens.revoke({ token_id, agent_id, project_id, all }),
      );
      printAnswer(terminal, options, answer, ({ revoked }) => [
        revoked === 0 ? 'No token ended: none that is good is meant.' : `${counted(revoked, 'token')} ended.`,
      ]);
    });
  });

  withExamples(
    connects(
      token
        .command('rotate-keys')
        .summary('let a new key sign tokens')
        .description(
          'Lets a new key sign tokens. Tokens of the key before stay good until they expire, so agents notice nothing.',
        )
        .option('--leaked', 'trust no earlier key any more: all tokens of all agents end at once')
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar token rotate-keys',
  ).action((options: ReadOptions & { readonly leaked?: true }) =>
    withClient(options, terminal, async (client) => {
      const asked = client.tokens.rotateKeys({ leaked: options.leaked ?? false });
      const keys = await whileWaiting(terminal, 'Making a key', asked);
      printAnswer(terminal, options, keys, () => [
        `${keys.kid} signs from now on.`,
        ...keys.former.map(({ kid, verifies_until }) => `${kid} verifies until ${verifies_until}.`),
      ]);
    }),
  );
}

interface RevokeOptions extends ReadOptions {
  readonly id?: string;
  readonly agent?: string;
  readonly project?: string;
  readonly all?: true;
}

/** @throws {CommandFailure} when there is nothing to read; it never repeats its argument, which may be the token. */
async function readToken(file: string, terminal: Terminal): Promise<string> {
  try {
    return (file === '-' ? await terminal.readInput() : readFileSync(resolve(terminal.cwd, file), 'utf8')).trim();
  } catch {
    throw new CommandFailure('The file of the token cannot be read.', {
      exitCode: EXIT.usage,
      recovery: 'Name a file that holds the token, or pass the token on standard input with `-`.',
    });
  }
}
