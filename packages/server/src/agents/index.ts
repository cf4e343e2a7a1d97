export type { Agents } from './agents.ts';
export { inheritedEnvironment } from './environment.ts';
export { renderLaunchScript } from './launchers/index.ts';
export { openAgents } from './open-agents.ts';
export { sweepAgentDirectories } from './agent-directories.ts';
export type { SpawnRequest } from './spawn-request.ts';
export type { FinishedWork } from './left-work.ts';
export { readTraceparent } from './traceparent.ts';
