export { createEngine, Engine } from './engine.ts';
export { IssueSweep } from './issue-sweep.ts';
export { RunStore } from './run-store.ts';
export type { AgentStarter, CheckReport, CheckRequest, EngineNeeds, ResultReader } from './needs.ts';
