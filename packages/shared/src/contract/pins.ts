import { z } from 'zod';
import { PinnedId, ProjectId } from '../ids.ts';
import { Limit, PageCursor } from '../page.ts';
import { Pin, PinKind } from '../pin.ts';
import { procedure } from '../procedure.ts';

const Target = { kind: PinKind, id: PinnedId, project_id: ProjectId.optional() };

/** Pins: what no clean-up removes. */
export const pins = {
  add: procedure({
    name: 'pins.add',
    kind: 'mutation',
    summary: 'Keeps an issue with all that belongs to it, or one result, from every clean-up.',
    input: z.strictObject(Target),
    output: Pin,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/pins' },
    errors: ['ISSUE_NOT_FOUND', 'RESULT_NOT_FOUND'],
  }),
  remove: procedure({
    name: 'pins.remove',
    kind: 'mutation',
    summary: 'Lets clean-ups have it again; removing what is not pinned changes nothing.',
    input: z.strictObject(Target),
    output: z.object({ removed: z.boolean().describe('Whether it was pinned.') }),
    access: 'spawn_agents',
    rest: { method: 'DELETE', path: '/api/pins/:kind/:id' },
    errors: [],
  }),
  list: procedure({
    name: 'pins.list',
    kind: 'query',
    summary: 'Lists pins, newest first.',
    input: z.strictObject({ project_id: ProjectId.optional(), limit: Limit, cursor: PageCursor }),
    output: z.object({ pins: z.array(Pin), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/pins' },
    errors: [],
  }),
} as const;
