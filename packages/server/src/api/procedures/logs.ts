import { contract, LogLevel } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function logProcedures({ agents, logger, projects }: Rooms): Implementations<typeof contract.logs> {
  return {
    read: implement(contract.logs.read, async (input, { principal, signal }) => {
      const isNarrowed = principal.kind === 'agent' || input.project_id !== undefined;
      const page = await agents.collectedLogs(
        {
          projectId: isNarrowed ? projects.meantBy(principal, input.project_id).project_id : undefined,
          issueId: input.issue_id,
          agentId: input.agent_id,
          agentType: input.agent_type,
          stream: input.stream,
          cursor: input.cursor,
          tail: input.tail,
          limit: input.limit,
          waitMs: input.wait,
        },
        signal,
      );
      const { lines, nextCursor, atEnd, leftOut, gap } = page;
      return { lines, next_cursor: nextCursor, at_end: atEnd, left_out: leftOut, gap };
    }),
    level: implement(contract.logs.level, ({ level }) => {
      const previous = LogLevel.parse(logger.level);
      logger.level = level;
      return { level, previous };
    }),
  };
}
