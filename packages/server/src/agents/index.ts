export { AgentStore } from './agent-store.ts';
export { Agents } from './agents.ts';
export { inheritedEnvironment } from './environment.ts';
export { Launchers } from './launchers/index.ts';
export type { SpawnRequest } from './spawn-request.ts';
export { Supervisor } from './supervisor.ts';
