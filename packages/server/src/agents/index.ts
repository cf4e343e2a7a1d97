export type { Agents } from './agents.ts';
export { inheritedEnvironment } from './environment.ts';
export { renderLaunchScript } from './launchers/index.ts';
export { openAgents } from './open-agents.ts';
export { AgentFolderSweep } from './agent-folder-sweep.ts';
export { AgentStore } from './agent-store.ts';
export { AgentSweep } from './agent-sweep.ts';
export type { SpawnRequest } from './spawn-request.ts';
export type { FinishedWork } from './left-work.ts';
