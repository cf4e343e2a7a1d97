export { startTestSidecar, type TestSidecar, type TestSidecarOptions } from './sidecar.ts';
export { runScript, type Script, type ScriptStep } from './script.ts';
