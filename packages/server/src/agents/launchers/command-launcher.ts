import { type AgentLauncher, agentProgram, type LauncherOf } from './agent-launcher.ts';

/**
 * Any program. It finds everything in its environment: `CONTEXT_FILE`, `TASK_FILE`, `SIDECAR_URL`, `JWT_TOKEN` and the
 * ids. What it may write to standard output to tell how it goes is {@link AgentLine}.
 */
export function commandLauncher(chosen: LauncherOf<'command'>): AgentLauncher {
  return {
    passOn: [],
    needs: [[chosen.program]],
    plan: (_run, programs) => ({
      file: agentProgram(programs),
      args: chosen.args,
      env: {},
      files: [],
      protocol: 'lines',
    }),
  };
}
