import type { Command } from 'commander';
import type { SidecarClient } from '@orchestration-sidecar/sdk';
import type { ConnectionOptions } from './connection.ts';
import type { Terminal } from './terminal.ts';

/** Options of a command that reads. */
export interface ReadOptions extends ConnectionOptions {
  readonly json?: boolean;
}

/** Heading of the connection options in the help. */
export const CONNECTION_GROUP = 'Connection:';

/** The options by which a command finds its sidecar. */
export const CONNECTION_OPTIONS = [
  ['--url <url>', 'address of the sidecar (SIDECAR_URL; default: the one of the data directory)'],
  ['--token <token>', 'token to send (SIDECAR_TOKEN; default: the operator’s of the data directory)'],
  ['--data-dir <directory>', 'data directory of the sidecar (SIDECAR_DATA_DIR)'],
  ['--socket <path>', 'Unix socket to connect to (SIDECAR_SOCKET)'],
  ['--ca-file <file>', 'certificates to trust the sidecar by, PEM (SIDECAR_CA_FILE; default: what it was served with)'],
] as const;

/** Adds the options by which a command finds its sidecar. */
export function connects(command: Command): Command {
  command.optionsGroup(CONNECTION_GROUP);
  for (const [flags, meaning] of CONNECTION_OPTIONS) command.option(flags, meaning);
  return command;
}

/** Adds `--json` and the options by which a command finds its sidecar. */
export function reads(command: Command): Command {
  return connects(command.option('--json', 'print the answer as JSON'));
}

/** Asks a sidecar, and closes the connection afterwards. */
export async function withClient<T>(
  options: ConnectionOptions,
  terminal: Terminal,
  work: (client: SidecarClient) => Promise<T>,
): Promise<T> {
  // What help and completion do not need they shall not wait for.
  const { findSidecar } = await import('./connection.ts');
  const { url, token, ca, socketPath } = await findSidecar(options, terminal);
  const { createSidecarClient } = await import('@orchestration-sidecar/sdk');
  // A function: the client would refresh a token that it was given, and so end that of the agent it belongs to.
  const client = createSidecarClient({
    url,
    ca,
    socketPath,
    ...(token && { token: () => token }),
    environment: {},
    maxAttempts: 2,
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Prints an answer: whole as JSON, or rendered for people. */
export function printAnswer<Answer>(
  terminal: Terminal,
  options: { readonly json?: boolean },
  answer: Answer,
  render: (answer: Answer) => readonly string[],
): void {
  if (options.json) return terminal.print(JSON.stringify(answer, null, 2));
  const lines = render(answer);
  if (lines.length > 0) terminal.print(lines.join('\n'));
}

/** Says how to get the next page of a list, where there is one. */
export function notePage(terminal: Terminal, options: { readonly json?: boolean }, nextCursor: string | null): void {
  if (nextCursor !== null && !options.json) terminal.note(`There is more: add --cursor ${nextCursor}`);
}
