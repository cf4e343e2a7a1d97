import { z } from 'zod';

/** Where mirrors differ from the store. */
export const MirrorReport = z
  .object({
    different: z.int().nonnegative().describe('Files that differed.'),
    faults: z
      .array(z.object({ path: z.string(), fault: z.enum(['missing', 'different', 'extra']) }))
      .describe('The first 1,000 of them; paths are relative to the data directory.'),
  })
  .meta({ id: 'MirrorReport' });
export type MirrorReport = z.infer<typeof MirrorReport>;
