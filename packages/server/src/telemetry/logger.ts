import { once } from 'node:events';
import { pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../runtime/config.ts';
import { redactSecrets } from './redact-secrets.ts';

/** The little of a logger that the rooms use; pino’s own loggers fit. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** Where log lines go: a file path, or `stderr`. */
export type LogDestination = { readonly file: string } | 'stderr';

/**
 * Structured JSON log, one object a line. Tokens and environments are never written. `close` writes what is left; the
 * file may still be opening when a start fails early.
 */
export function createLogger(level: LogLevel, destination: LogDestination): Logger & { close(): Promise<void> } {
  const target = pino.destination(
    destination === 'stderr' ? { dest: 2, sync: true } : { dest: destination.file, sync: false, mkdir: true },
  );
  let ready = destination === 'stderr';
  target.once('ready', () => (ready = true));
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // Also what no field name gives away: the message or the stack of an error, a URL, a line of somebody’s output.
      hooks: { streamWrite: redactSecrets },
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      redact: {
        paths: ['token', 'authorization', '*.token', '*.authorization', 'environment', '*.environment'],
        censor: '[redacted]',
      },
    },
    target,
  );
  return Object.assign(logger, {
    async close() {
      if (!ready) await once(target, 'ready');
      target.flushSync();
    },
  });
}

/** A logger that keeps silent. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
};
