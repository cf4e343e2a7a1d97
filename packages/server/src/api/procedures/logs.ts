import { contract, LogLevel } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function logProcedures({ logger }: Rooms): Implementations<typeof contract.logs> {
  return {
    level: implement(contract.logs.level, ({ level }) => {
      const previous = LogLevel.parse(logger.level);
      logger.level = level;
      return { level, previous };
    }),
  };
}
