import { contract } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function cleanUpProcedures({ cleanUp }: Rooms): Implementations<typeof contract.cleanUp> {
  return {
    run: implement(contract.cleanUp.run, ({ dry_run, kinds }, { signal }) =>
      cleanUp.run({ dryRun: dry_run, kinds, signal }),
    ),
  };
}

export function pinProcedures({ pins, projects }: Rooms): Implementations<typeof contract.pins> {
  return {
    add: implement(contract.pins.add, ({ kind, id, project_id }, { principal }) =>
      pins.add({ kind, id, projectId: projects.meantBy(principal, project_id).project_id }),
    ),
    remove: implement(contract.pins.remove, async ({ kind, id, project_id }, { principal }) => ({
      removed: await pins.remove({ kind, id, projectId: projects.meantBy(principal, project_id).project_id }),
    })),
    list: implement(contract.pins.list, ({ project_id, ...page }, { principal }) =>
      pins.list({ ...page, projectId: projects.meantBy(principal, project_id).project_id }),
    ),
  };
}
