import { contract } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function profileProcedures({ profiles }: Rooms): Implementations<typeof contract.profiles> {
  return {
    list: implement(contract.profiles.list, ({ category }) => ({
      profiles: profiles.list().filter((profile) => category === undefined || profile.category === category),
      next_cursor: null,
    })),
    get: implement(contract.profiles.get, ({ agent_type }) => profiles.require(agent_type)),
  };
}

export function workflowProcedures({ profiles }: Rooms): Implementations<typeof contract.workflows> {
  return {
    list: implement(contract.workflows.list, () => ({ workflows: [...profiles.workflows()], next_cursor: null })),
  };
}
