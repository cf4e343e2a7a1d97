import { basename } from 'node:path';
import { type AgentLauncher, agentProgram, type LauncherOf } from './agent-launcher.ts';
import { agentFiles } from './agent-run.ts';
import {
  CLAUDE_ENVIRONMENT,
  CLAUDE_PROGRAMS,
  CLAUDE_VARIABLES,
  claudeArgs,
  type ModelTable,
} from './claude-launcher.ts';
import { renderLaunchScript } from './launch-script.ts';

/**
 * The specification’s generated bash script around a program. A program called `claude` is run headless as the
 * `claude` launcher runs it; any other gets the specification’s arguments.
 */
export function scriptLauncher(chosen: LauncherOf<'script'>, models: ModelTable): AgentLauncher {
  return {
    passOn: CLAUDE_VARIABLES,
    needs: [['bash'], ['curl'], chosen.program === undefined ? CLAUDE_PROGRAMS : [chosen.program]],
    plan(run, programs) {
      const program = agentProgram(programs);
      const isClaude = basename(program) === CLAUDE_PROGRAMS[0];
      const { script } = agentFiles(run.directory);
      const content = renderLaunchScript({
        ...run,
        program,
        args: isClaude ? claudeArgs(run, models, chosen.args) : chosen.args,
        specifiedArgs: !isClaude,
      });
      return {
        file: programs[0] ?? '/bin/bash',
        args: [script],
        env: { AGENT_DIR: run.directory, ...(isClaude ? CLAUDE_ENVIRONMENT : {}) },
        files: [{ path: script, content }],
        protocol: isClaude ? 'claude' : 'lines',
      };
    },
  };
}
