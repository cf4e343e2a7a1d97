import { withinSize } from './clean-up/index.ts';

/** Size after which a page of a list is full, however few rows that are. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * How many of a list’s rows make its next page, by their sizes: one row may be megabytes, and a page is one text.
 * @param limit most rows that were asked for.
 */
export function pageLength(sizes: readonly { readonly bytes: number }[], limit: number): number {
  return withinSize(sizes.slice(0, limit), ({ bytes }) => bytes, MAX_PAGE_BYTES).length;
}
