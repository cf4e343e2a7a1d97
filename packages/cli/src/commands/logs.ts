import { Argument, type Command } from 'commander';
import { settingOf } from '@orchestration-sidecar/server/config';
import type { LogLevel } from '@orchestration-sidecar/shared';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { outputLine } from '../render/output-line.ts';
import { listenForStop } from '../stop-requests.ts';
import type { Terminal } from '../terminal.ts';

interface LogsOptions extends ReadOptions {
  readonly agent?: string;
  readonly issue?: string;
  readonly agentType?: string;
  readonly project?: string;
  readonly stderr?: boolean;
  readonly follow?: boolean;
  readonly lines: number;
  readonly all?: boolean;
}

const NEWEST_LINES = 100;

/** `sidecar logs`: what agents write, and how much the sidecar itself logs. */
export function addLogs(program: Command, terminal: Terminal): void {
  const logs = program
    .command('logs')
    .summary('show what agents write, change how much the sidecar logs')
    .description('What agents write; and the sidecar’s own log, logs/sidecar.log in the data directory.');

  withExamples(
    reads(
      logs
        .command('show', { isDefault: true })
        .summary('show what agents write')
        .description(
          'Prints what agents wrote, all of them in one: time, agent and line, the newest line last. `sidecar logs` alone does ' +
            'the same. With --json, one object a line. `sidecar agents logs` prints the whole output of one agent.',
        )
        .option('-f, --follow', 'go on until Ctrl-C')
        .option('--agent <agent>', 'only one agent: its id, the end of it, or its type where only one is alive')
        .option('--issue <issue>', 'only the agents of an issue')
        .option('--agent-type <type>', 'only agents of a type')
        .option('--project <project>', 'only the agents of a project (default: all)')
        .option('--stderr', 'only what was written to standard error')
        .option('-n, --lines <count>', 'newest lines to begin with', wholeNumber, NEWEST_LINES)
        .option('--all', 'begin with the oldest line that is kept'),
    ),
    'sidecar logs --follow',
    'sidecar logs --issue shop-7 --lines 500',
    'sidecar logs --agent rust-pro --json',
  ).action((options: LogsOptions) => show(options, terminal));

  withExamples(
    reads(
      logs
        .command('level')
        .summary('change how much the sidecar logs')
        .description('Changes how much the sidecar logs, until it is changed again or the sidecar starts anew.')
        .addArgument(new Argument('<level>', 'least grave lines to log').choices(levels())),
    ),
    'sidecar logs level debug',
  ).action((level: LogLevel, options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const answer = await whileWaiting(terminal, 'Changing the level', client.logs.level({ level }));
      printAnswer(terminal, options, answer, (it) => [`Log level ${it.level}; it was ${it.previous}.`]);
    }),
  );
}

/** Longest time a single question for further lines takes, in milliseconds. */
const FOLLOW_MS = 30_000;
const MAX_TAIL = 1000;

async function show(options: LogsOptions, terminal: Terminal): Promise<void> {
  const { outputClosed } = terminal;
  const signal = options.follow ? AbortSignal.any([listenForStop().stop, outputClosed]) : outputClosed;
  await withClient(options, terminal, async (client) => {
    const { agent, issue: issue_id, agentType: agent_type, project: project_id, stderr, all } = options;
    const { findAgentId } = await import('../agent-lookup.ts');
    const agent_id = agent === undefined ? undefined : await findAgentId(client, agent, project_id);
    const which = { project_id, issue_id, agent_id, agent_type, ...(stderr && { stream: 'stderr' as const }) };
    let cursor: string | undefined;
    let isEmpty = true;
    const read = async (): Promise<boolean> => {
      const place = cursor === undefined ? (all ? {} : { tail: Math.min(MAX_TAIL, options.lines) }) : { cursor };
      const wait = options.follow && cursor !== undefined ? FOLLOW_MS : 0;
      const asked = client.logs.read({ ...which, ...place, limit: MAX_TAIL, wait }, { signal });
      // Who follows waits for lines, not for an answer.
      const page = await (wait > 0 ? asked : whileWaiting(terminal, 'Reading the lines', asked));
      for (const line of page.lines) {
        isEmpty = false;
        terminal.print(options.json ? JSON.stringify(line) : outputLine(line, terminal.paint));
      }
      if (page.gap) terminal.note('Lines in between are not kept any more.');
      if (page.left_out > 0)
        terminal.note(`${page.left_out} lines were left out: agents flooded, or the disk refused.`);
      cursor = page.next_cursor;
      return !page.at_end || options.follow === true;
    };
    try {
      while (await read());
      if (isEmpty && !options.follow) terminal.note('No such agent has written anything that is kept.');
    } catch (cause) {
      if (!signal.aborted) throw cause;
    }
  });
}

/** Taken from the table of settings, which is all that help may load. */
function levels(): readonly string[] {
  const setting = settingOf('logLevel');
  return setting.kind === 'choice' ? setting.choices : [];
}
