import type { ModelTier } from '@orchestration-sidecar/shared';
import { type AgentLauncher, agentProgram, type LauncherOf } from './agent-launcher.ts';
import { agentFiles, type AgentRun } from './agent-run.ts';
import { reportSchema } from './handed-in.ts';

/** Which model a tier stands for, as `--model` takes it. */
export type ModelTable = Readonly<Record<ModelTier, string>>;

/** The program’s own names for the newest model of each tier. */
export const DEFAULT_MODELS: ModelTable = { opus: 'opus', sonnet: 'sonnet', haiku: 'haiku' };

/** Names Claude Code goes by: its own, and the specification’s. */
export const CLAUDE_PROGRAMS = ['claude', 'claude-code'] as const;

/** Where Claude Code finds its account and its provider. */
export const CLAUDE_VARIABLES = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'ANTHROPIC_BASE_URL',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'CLAUDE_CODE_MAX_RETRIES',
  'CLAUDE_CONFIG_DIR',
];

/** Environment that keeps it from doing anything but the task. */
export const CLAUDE_ENVIRONMENT = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' };

/** Claude Code, headless. The task comes on standard input; the token is in the environment only. */
export function claudeLauncher(chosen: LauncherOf<'claude'>, models: ModelTable): AgentLauncher {
  return {
    passOn: CLAUDE_VARIABLES,
    needs: [chosen.program === undefined ? CLAUDE_PROGRAMS : [chosen.program]],
    plan: (run, programs) => ({
      file: agentProgram(programs),
      args: claudeArgs(run, models, chosen.args ?? []),
      env: CLAUDE_ENVIRONMENT,
      stdin: run.task,
      files: [],
      protocol: 'claude',
    }),
  };
}

/** Command line of a headless run. `extra` comes last, so a profile can add tools or override. */
export function claudeArgs(run: AgentRun, models: ModelTable, extra: readonly string[]): string[] {
  const options: [string, string | undefined][] = [
    ['--output-format', 'stream-json'],
    ['--model', models[run.tier]],
    ['--append-system-prompt', systemPrompt(run)],
    [run.resume ? '--resume' : '--session-id', run.sessionId],
    ['--permission-mode', 'acceptEdits'],
    ['--settings', JSON.stringify(settings(run))],
    ['--mcp-config', JSON.stringify(mcpConfig(run))],
    ['--json-schema', JSON.stringify(reportSchema())],
    ['--max-turns', run.maxTurns?.toString()],
    ['--max-budget-usd', run.maxBudgetUsd?.toString()],
  ];
  const given = options.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return ['--print', '--verbose', '--strict-mcp-config', ...given, ...extra];
}

function systemPrompt(run: AgentRun): string {
  return `${run.prompt}

You are ${run.agentType} (${run.agentId}), working on issue ${run.issueId}. What is known about the project and what
other agents decided is in the file ${agentFiles(run.directory).context} (JSON). Nobody can answer questions. What you
end with, in the structure you are given, is stored as your result and announced for you.`;
}

/**
 * What it may do without asking, since nobody is there to be asked: read its own directory, which lies outside the
 * project, and, where it is to hand in work, run commands: tests, builds, git.
 */
function settings(run: AgentRun): unknown {
  const allow = [
    `Read(/${run.directory}/**)`,
    ...(run.mayWork ? ['Bash', 'Edit', 'Write', 'NotebookEdit'] : []),
    ...(run.mcpUrl === null ? [] : ['mcp__sidecar']),
  ];
  return { permissions: { additionalDirectories: [run.directory], allow } };
}

/** The program puts the token in from its environment. */
function mcpConfig(run: AgentRun): unknown {
  if (run.mcpUrl === null) return { mcpServers: {} };
  const headers = { Authorization: 'Bearer ${JWT_TOKEN}' };
  return { mcpServers: { sidecar: { type: 'http', url: run.mcpUrl, headers } } };
}
