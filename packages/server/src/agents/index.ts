export { AgentStore } from './agent-store.ts';
export { Agents } from './agents.ts';
export { CollectedLog } from './collected-log.ts';
export { inheritedEnvironment } from './environment.ts';
export { Launchers, renderLaunchScript } from './launchers/index.ts';
export { sweepAgentDirectories } from './agent-directories.ts';
export type { SpawnRequest } from './spawn-request.ts';
export { Supervisor, type FinishedWork } from './supervisor.ts';
export { readTraceparent } from './traceparent.ts';
