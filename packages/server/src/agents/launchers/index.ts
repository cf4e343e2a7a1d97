export type { AgentLauncher, LaunchPlan } from './agent-launcher.ts';
export { agentFiles, type AgentFiles, type AgentRun } from './agent-run.ts';
export { DEFAULT_MODELS, type ModelTable } from './claude-launcher.ts';
export { FAILURES, type Failure, type FailureReason, type Verdict } from './failure.ts';
export { renderLaunchScript, type LaunchScriptValues } from './launch-script.ts';
export { Launchers } from './launchers.ts';
export { AgentLine } from './line-output.ts';
export { UNKNOWN_USAGE, type OutputParser, type OutputReport, type OutputUpdate } from './output.ts';
export { judge, outputParser, type ProtocolName } from './protocol.ts';
