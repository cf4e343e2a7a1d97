import { z } from 'zod';
import { LIMITS } from './limits.ts';

/** Page size of a list. */
export const Limit = z
  .int()
  .min(1)
  .max(LIMITS.maxPageItems)
  .default(100)
  .describe(`Largest number of items to answer. Default 100, at most ${LIMITS.maxPageItems}.`);

/** Place where the next page of a list starts; opaque. */
export const PageCursor = z.string().min(1).max(256).optional().describe('`next_cursor` of the page before.');
