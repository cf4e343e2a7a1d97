import { z } from 'zod';
import { PinnedId, ProjectId, Timestamp } from './ids.ts';

/** What can be pinned: an issue, with all that belongs to it, or one result. */
export const PinKind = z
  .enum(['issue', 'result'])
  .meta({ id: 'PinKind', description: 'What is pinned: an issue with its results and agent folders, or one result.' });
export type PinKind = z.infer<typeof PinKind>;

/** What no clean-up removes. */
export const Pin = z
  .object({
    kind: PinKind,
    id: PinnedId,
    project_id: ProjectId,
    pinned_at: Timestamp,
  })
  .meta({ id: 'Pin' });
export type Pin = z.infer<typeof Pin>;
