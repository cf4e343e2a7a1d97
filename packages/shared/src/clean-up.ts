import { z } from 'zod';

/** What a clean-up looks after, in the order in which it does. */
export const CLEAN_UP_KINDS = [
  'context_cache',
  'logs',
  'issues',
  'agents',
  'agent_folders',
  'dead_letters',
  'events',
  'results',
  'audit',
] as const;

/** What a clean-up looks after. */
export const CleanUpKind = z.enum(CLEAN_UP_KINDS).meta({ id: 'CleanUpKind' });
export type CleanUpKind = z.infer<typeof CleanUpKind>;

/** Why something whose time was over was kept: pinned; of an issue or agent that runs; the disk would not let go of it. */
export const KeptReason = z.enum(['pinned', 'running', 'refused']).meta({
  id: 'KeptReason',
  description:
    'Why it was kept: it is pinned, it belongs to an issue or agent that runs, or the disk would not let go of it.',
});
export type KeptReason = z.infer<typeof KeptReason>;

const Amount = { count: z.int().nonnegative(), bytes: z.int().nonnegative() };

/** What a clean-up removed, or a dry run would. */
export const CleanUpReport = z
  .object({
    dry_run: z.boolean(),
    kinds: z.array(
      z.object({
        kind: CleanUpKind,
        ...Amount,
        kept: z.array(z.object({ reason: KeptReason, ...Amount })).describe('What was due and was kept, and why.'),
      }),
    ),
    store: z.object({
      released_bytes: z.int().nonnegative().describe('Bytes by which the file of the store became smaller.'),
      free_bytes: z.int().nonnegative().describe('Bytes in that file that nothing uses; what comes next fills them.'),
    }),
    took_ms: z.number().nonnegative(),
  })
  .meta({ id: 'CleanUpReport' });
export type CleanUpReport = z.infer<typeof CleanUpReport>;
