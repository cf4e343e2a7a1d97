import { Option, type Command } from 'commander';
import type { SidecarClient } from '@orchestration-sidecar/sdk';
import { connects, notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure, SEE_HELP } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { agentLines, agentTable } from '../render/agent.ts';
import { cleanText } from '../render/text.ts';
import { listenForStop } from '../stop-requests.ts';
import type { Terminal } from '../terminal.ts';

const STATES = ['queued', 'starting', 'running', 'stopping', 'exited', 'failed', 'stopped', 'external'] as const;
const WHICH =
  'An agent is named by its id, by the end of it as `agents list` shows it, or by its type where only one is alive.';

interface OfProject extends ReadOptions {
  readonly project?: string;
}
interface ListOptions extends OfProject {
  readonly issue?: string;
  readonly agentType?: string;
  readonly state?: (typeof STATES)[number];
  readonly limit?: number;
  readonly cursor?: string;
}
interface StopOptions extends OfProject {
  readonly reason?: string;
}
interface StopAllOptions extends StopOptions {
  readonly issue?: string;
  readonly agentType?: string;
  readonly all?: true;
}
interface LogsOptions extends OfProject {
  readonly follow?: boolean;
  readonly stderr?: boolean;
  readonly attempt?: number;
}
interface ScriptOptions extends OfProject {
  readonly issue: string;
  readonly agent?: string;
  readonly program?: string;
}

/** `sidecar agents`: running instances of agent types. */
export function addAgents(program: Command, terminal: Terminal): void {
  const agents = program
    .command('agents')
    .summary('list, show and stop agents')
    .description('Running instances of agent types.');

  withExamples(
    reads(
      agents
        .command('list')
        .summary('list agents, newest first')
        .description('Lists the agents of a project, newest first.')
        .addOption(new ProjectOption())
        .option('--issue <issue>', 'only those of an issue')
        .option('--agent-type <type>', 'only those of a type')
        .addOption(new Option('--state <state>', 'only those in a state').choices(STATES))
        .option('--limit <count>', 'most agents to list (default 100)', wholeNumber)
        .option('--cursor <cursor>', 'where the page before ended'),
    ),
    'sidecar agents list --state running',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { project: project_id, issue: issue_id, agentType: agent_type, state, limit, cursor } = options;
      const asked = client.agents.list({ project_id, issue_id, agent_type, state, limit, cursor });
      const answer = await whileWaiting(terminal, 'Listing agents', asked);
      printAnswer(terminal, options, answer, (page) =>
        page.agents.length === 0 ? ['No agents.'] : agentTable(page.agents, terminal, Date.now()),
      );
      notePage(terminal, options, answer.next_cursor);
    }),
  );

  withExamples(
    reads(
      agents
        .command('status <agent>')
        .summary('show one agent')
        .description(`Shows one agent: process, activity, outcome, usage and the end of its output. ${WHICH}`)
        .addOption(new ProjectOption('project of the agent')),
    ),
    'sidecar agents status rust-pro',
    'sidecar agents status 5d3f9a10',
  ).action((meant: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = idOf(client, meant, options.project).then((agent_id) => client.agents.status({ agent_id }));
      const answer = await whileWaiting(terminal, 'Reading the agent', asked);
      printAnswer(terminal, options, answer, () => agentLines(answer, terminal, Date.now()));
    }),
  );

  withExamples(
    reads(
      agents
        .command('logs <agent>')
        .summary('print an agent’s output')
        .description(`Prints the output of an agent, from its beginning. With --json, one line of it a line. ${WHICH}`)
        .option('-f, --follow', 'go on until the agent has ended, or Ctrl-C')
        .option('--stderr', 'what it wrote to standard error instead')
        .option('--attempt <number>', 'output of an earlier attempt (default: the newest)', wholeNumber)
        .addOption(new ProjectOption('project of the agent')),
    ),
    'sidecar agents logs rust-pro',
    'sidecar agents logs 5d3f9a10 --follow',
  ).action((meant: string, options: LogsOptions) => logs(meant, options, terminal));

  withExamples(
    connects(
      agents
        .command('stop <agent>')
        .summary('stop an agent')
        .description(`Stops an agent, gracefully first; stopping an ended agent changes nothing. ${WHICH}`)
        .option('--reason <text>', 'why, for the log')
        .addOption(new ProjectOption('project of the agent'))
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar agents stop rust-pro --reason "wrong branch"',
  ).action((meant: string, options: StopOptions) =>
    withClient(options, terminal, async (client) => {
      const { project, reason } = options;
      const asked = idOf(client, meant, project).then((agent_id) => client.agents.stop({ agent_id, reason }));
      const answer = await whileWaiting(terminal, 'Stopping the agent', asked);
      printAnswer(terminal, options, answer, () => [`${answer.agent_id} ${answer.state}`]);
    }),
  );

  withExamples(
    connects(
      agents
        .command('stop-all')
        .summary('stop every agent of an issue, a type or a project')
        .description(
          'Stops every agent of an issue, of an agent type or, with --all, of the whole project. Prints those that were ' +
            'stopped.',
        )
        .option('--issue <issue>', 'those of an issue')
        .option('--agent-type <type>', 'those of a type')
        .addOption(new Option('--all', 'those of the whole project').conflicts(['issue', 'agentType']))
        .option('--reason <text>', 'why, for the log')
        .addOption(new ProjectOption())
        .option('--json', 'print the answer as JSON'),
    ),
    'sidecar agents stop-all --issue shop-7',
    'sidecar agents stop-all --all --reason "wrong branch"',
  ).action((options: StopAllOptions) => {
    const { project: project_id, issue: issue_id, agentType: agent_type, reason, all } = options;
    if (issue_id === undefined && agent_type === undefined && !all) {
      throw new CommandFailure('Name the agents to stop: --issue, --agent-type, or --all for every one.', {
        exitCode: EXIT.usage,
        recovery: SEE_HELP,
      });
    }
    return withClient(options, terminal, async (client) => {
      const asked = client.agents.stopAll({ project_id, issue_id, agent_type, reason });
      const answer = await whileWaiting(terminal, 'Stopping agents', asked);
      printAnswer(terminal, options, answer, (page) =>
        page.agents.map(({ agent_id, state }) => `${agent_id} ${state}`),
      );
      if (answer.agents.length === 0) terminal.note('No agent was alive.');
    });
  });

  withExamples(
    connects(
      agents
        .command('script <agent_type>')
        .summary('print the launch script of an agent type')
        .description(
          'Prints the bash script that fetches an agent’s context, runs its program and cleans up, for an agent that is ' +
            'started elsewhere. It holds neither token nor task: JWT_TOKEN and TASK_FILE bring them when it runs.',
        )
        .requiredOption('--issue <issue>', 'issue to work on')
        .option('--agent <id>', 'agent that the token belongs to (default: AGENT_ID when it runs)')
        .option('--program <name>', 'program to run (default: the one of its profile)')
        .option('--project <project>', 'project of the issue, where the id is not unique')
        .option('--json', 'print the whole answer as JSON'),
    ),
    'sidecar agents script rust-pro --issue shop-7 --program ./agent.sh > launch.sh',
    'AGENT_ID="$ID" JWT_TOKEN="$TOKEN" TASK_FILE=task.md bash launch.sh',
  ).action((agent_type: string, options: ScriptOptions) =>
    withClient(options, terminal, async (client) => {
      const { issue: issue_id, agent: agent_id, program, project: project_id } = options;
      const asked = client.agents.script({ agent_type, issue_id, agent_id, program, project_id });
      const answer = await whileWaiting(terminal, 'Rendering the script', asked);
      printAnswer(terminal, options, answer, () => [answer.script.trimEnd()]);
    }),
  );
}

/** Longest time a single question for further output takes, in milliseconds. */
const FOLLOW_MS = 30_000;

async function logs(meant: string, options: LogsOptions, terminal: Terminal): Promise<void> {
  const { outputClosed } = terminal;
  const signal = options.follow ? AbortSignal.any([listenForStop().stop, outputClosed]) : outputClosed;
  await withClient(options, terminal, async (client) => {
    const of = {
      agent_id: await idOf(client, meant, options.project),
      attempt: options.attempt,
      stream: options.stderr ? 'stderr' : 'stdout',
      wait: options.follow ? FOLLOW_MS : 0,
      limit: 1000,
    } as const;
    const read = async (from_byte: number): Promise<number | undefined> => {
      const asked = client.agents.logs({ ...of, from_byte }, { signal });
      const { lines, next_byte, ended } = await (options.follow ? asked : whileWaiting(terminal, 'Reading', asked));
      for (const line of lines) terminal.print(options.json ? JSON.stringify(line) : cleanText(line.text));
      return ended || (lines.length === 0 && !options.follow) ? undefined : next_byte;
    };
    try {
      let next: number | undefined = 0;
      while (next !== undefined) next = await read(next);
    } catch (cause) {
      if (!signal.aborted) throw cause;
    }
  });
}

async function idOf(client: SidecarClient, meant: string, projectId: string | undefined): Promise<string> {
  const { findAgentId } = await import('../agent-lookup.ts');
  return findAgentId(client, meant, projectId);
}
