import { contract, SidecarError } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function auditProcedures({ audit }: Rooms): Implementations<typeof contract.audit> {
  return {
    list: implement(contract.audit.list, async ({ cursor, limit, ...which }) => {
      const before = cursor === undefined ? undefined : Number(cursor);
      if (before !== undefined && !Number.isSafeInteger(before)) throw new SidecarError('CURSOR_INVALID');
      const records = await audit.list({ ...which, before, limit: limit + 1 });
      const page = records.slice(0, limit);
      return { records: page, next_cursor: records.length > limit ? `${page.at(-1)?.sequence ?? 0}` : null };
    }),
    verify: implement(contract.audit.verify, () => audit.verify()),
  };
}
