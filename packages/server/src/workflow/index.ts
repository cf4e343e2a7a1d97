export { createEngine, Engine } from './engine.ts';
export type { AgentStarter, CheckReport, CheckRequest, EngineNeeds, ResultReader } from './needs.ts';
