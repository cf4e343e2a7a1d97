import { Option, type Command } from 'commander';
import type { SidecarClient } from '@orchestration-sidecar/sdk';
import { connects, notePage, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { agentLines, agentTable } from '../render/agent.ts';
import { cleanText } from '../render/text.ts';
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
interface ScriptOptions extends OfProject {
  readonly issue?: string;
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
        .option('--project <project>', 'project (default: the only one)')
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
        .option('--project <project>', 'project of the agent, where several are registered'),
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
        .summary('print the end of an agent’s output')
        .description(`Prints the last lines of an agent’s output. ${WHICH}`)
        .option('--project <project>', 'project of the agent, where several are registered'),
    ),
    'sidecar agents logs rust-pro',
  ).action((meant: string, options: OfProject) =>
    withClient(options, terminal, async (client) => {
      const asked = idOf(client, meant, options.project).then((agent_id) => client.agents.status({ agent_id }));
      const { agent_id, log_tail } = await whileWaiting(terminal, 'Reading the output', asked);
      printAnswer(terminal, options, { agent_id, log_tail }, () => log_tail.map((line) => cleanText(line)));
    }),
  );

  withExamples(
    connects(
      agents
        .command('stop <agent>')
        .summary('stop an agent')
        .description(`Stops an agent, gracefully first; stopping an ended agent changes nothing. ${WHICH}`)
        .option('--reason <text>', 'why, for the log')
        .option('--project <project>', 'project of the agent, where several are registered')
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
        .command('script <agent>')
        .summary('print the launch script of an agent')
        .description(
          'Prints the bash script that fetches an agent’s context, runs its program and cleans up. It holds neither ' +
            `token nor task: JWT_TOKEN and TASK_FILE bring them when it runs. ${WHICH}`,
        )
        .option('--issue <issue>', 'issue to work on, for an agent that has none yet')
        .option('--program <name>', 'program to run (default: the one of its profile)')
        .option('--project <project>', 'project of the agent, where several are registered'),
    ),
    'sidecar agents script rust-pro --issue shop-7 --program ./agent.sh > launch.sh',
    'JWT_TOKEN="$TOKEN" TASK_FILE=task.md bash launch.sh',
  ).action((meant: string, options: ScriptOptions) =>
    withClient(options, terminal, async (client) => {
      const agent_id = await idOf(client, meant, options.project);
      const agent = await client.agents.status({ agent_id });
      const issueId = options.issue ?? agent.issue_id;
      if (issueId === null) {
        throw new CommandFailure('This agent works on no issue yet.', {
          exitCode: EXIT.usage,
          recovery: 'Name one with --issue.',
        });
      }
      const [{ projects }, { launcher }, { renderLaunchScript }] = await Promise.all([
        client.projects.list({}),
        client.profiles.get({ agent_type: agent.agent_type }),
        import('@orchestration-sidecar/server/launch-script'),
      ]);
      const project = projects.find(({ project_id }) => project_id === agent.project_id);
      const script = renderLaunchScript({
        agentId: agent.agent_id,
        agentType: agent.agent_type,
        issueId,
        projectId: agent.project_id,
        sidecarUrl: `${client.url}/api`,
        projectDir: project?.root ?? terminal.cwd,
        program: options.program ?? launcher.program ?? 'claude-code',
        args: launcher.args ?? [],
        specifiedArgs: true,
      });
      terminal.write(script);
    }),
  );
}

async function idOf(client: SidecarClient, meant: string, projectId: string | undefined): Promise<string> {
  const { findAgentId } = await import('../agent-lookup.ts');
  return findAgentId(client, meant, projectId);
}
