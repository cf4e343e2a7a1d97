import type { Tokens } from './broker/index.ts';
import { repeat, type Clock, type Timer } from './runtime/clock.ts';
import type { Config } from './runtime/config.ts';
import type { LogFile } from './telemetry/log-file.ts';
import type { Logger } from './telemetry/logger.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How often what has expired is forgotten. */
const HOUSEKEEPING_MS = 60_000;

/** What is looked after. */
export interface HousekeepingNeeds {
  readonly clock: Clock;
  readonly config: Config;
  readonly logFile: LogFile;
  readonly logger: Logger;
  readonly tokens: Tokens;
}

/**
 * Looks once a minute after what a day is too long for: the size and age of the log, tokens and keys. What was kept
 * long enough is removed by the daily clean-up.
 * @returns cancels it.
 */
export function keepHouse({ clock, config, logFile, logger, tokens }: HousekeepingNeeds): Timer {
  return repeat(clock, HOUSEKEEPING_MS, async () => {
    logFile.keepUp();
    await tokens
      .keepUp(config.keyMaxAgeDays * DAY_MS)
      .catch((cause: unknown) => logger.error({ err: cause }, 'tokens and keys could not be looked after'));
  });
}
