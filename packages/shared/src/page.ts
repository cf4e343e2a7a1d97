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

/** How long a question for what comes next may be left open. */
export const Wait = z
  .int()
  .min(0)
  .max(LIMITS.maxWaitTimeoutMs)
  .default(0)
  .describe('Longest wait for a line when there is none, in milliseconds. Default 0.');
