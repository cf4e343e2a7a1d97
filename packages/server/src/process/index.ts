export type { ChildHandle, ProcessUsage, StopOptions } from './child.ts';
export type { ChildExit } from './child-exit.ts';
export { findProgram, type ProgramSearch } from './find-program.ts';
export { ProcessStartError } from './process-start-error.ts';
export { Processes, type ProcessesOptions } from './processes.ts';
export type { LimitsInForce, ProcessLimits, ProcessRecord, StartPlan } from './start-plan.ts';
export { lastLines, tailFile } from './tail-file.ts';
export { processTable as listProcesses } from './process-table.ts';
export { runCommand, type CommandReport } from './run-command.ts';
