import { pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../runtime/config.ts';
import { currentCall } from './call-context.ts';
import type { LogFile } from './log-file.ts';
import { redactSecrets } from './redact-secrets.ts';

/** The little of a logger that the rooms use; pino’s own loggers fit. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** A logger whose level can be changed while it runs. */
export type LeveledLogger = Logger & { level: string };

/**
 * Structured JSON log, one object a line. What is logged while a call is worked on carries the ids of the call, that of
 * its project among them. Tokens and environments are never written.
 */
export function createLogger(level: LogLevel, file: Pick<LogFile, 'write'>): LeveledLogger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      mixin: idsOfCall,
      // Also what no field name gives away: the message or the stack of an error, a URL, a line of somebody’s output.
      hooks: { streamWrite: redactSecrets },
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      redact: {
        paths: ['token', 'authorization', '*.token', '*.authorization', 'environment', '*.environment'],
        censor: '[redacted]',
      },
    },
    file,
  );
}

function idsOfCall(): object {
  const call = currentCall();
  if (!call) return {};
  const { correlationId, trace, projectId } = call;
  return {
    ...(correlationId !== undefined && { correlation_id: correlationId }),
    ...(trace && { trace_id: trace.traceId }),
    ...(projectId !== undefined && { project_id: projectId }),
  };
}

/** A logger that keeps silent. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
};
