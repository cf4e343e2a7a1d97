export { EXIT, EXIT_MEANINGS, type ExitCode } from './exit-codes.ts';
export { createProgram } from './program.ts';
export { processTerminal, type Paint, type Style, type Terminal } from './terminal.ts';
