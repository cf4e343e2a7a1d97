import { z } from 'zod';
import { LIMITS } from './limits.ts';

/** Any JSON value. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Whether every reader can store and show the text: no NUL, no lone surrogate. */
export function isCleanText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/**
 * Why a value is not clean JSON, or `undefined` when it is. Iterative, so that depth cannot exhaust the stack.
 * Keys that reach for prototypes are refused rather than dropped.
 */
export function jsonFault(value: unknown, maxDepth: number = LIMITS.maxJsonDepth): string | undefined {
  const pending: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value: node, depth } = next;
    if (depth > maxDepth) return `nested deeper than ${maxDepth} levels`;
    if (node === null || typeof node === 'boolean') continue;
    if (typeof node === 'string') {
      if (!isCleanText(node)) return 'a string holds NUL or a lone surrogate';
    } else if (typeof node === 'number') {
      if (!Number.isFinite(node)) return 'a number is not finite';
    } else if (Array.isArray(node)) {
      for (const item of node) pending.push({ value: item, depth: depth + 1 });
    } else if (typeof node === 'object' && isPlain(node)) {
      for (const [key, item] of Object.entries(node)) {
        if (key === '__proto__' || !isCleanText(key)) return 'a key is not allowed';
        pending.push({ value: item, depth: depth + 1 });
      }
    } else {
      return 'a value is not JSON';
    }
  }
  return undefined;
}

function isPlain(node: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
}

/** Object of clean JSON, at most {@link LIMITS.maxJsonDepth} deep. */
export const JsonRecord = z
  .custom<JsonObject>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected an object',
  )
  .superRefine((value, context) => {
    const fault = jsonFault(value);
    if (fault) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({ type: 'object', additionalProperties: true });

/** Text of at most `maxChars` characters without NUL or lone surrogates. */
export function text(maxChars: number): z.ZodString {
  return z.string().max(maxChars).refine(isCleanText, 'holds NUL or a lone surrogate');
}

/**
 * A map of at most `maxProperties` entries.
 * @param schema what keys and values look like.
 */
export function boundedRecord<Keys extends z.core.$ZodRecordKey, Values extends z.ZodType>(
  schema: z.ZodRecord<Keys, Values>,
  maxProperties: number,
): z.ZodRecord<Keys, Values> {
  return schema
    .refine((map) => Object.keys(map).length <= maxProperties, `has more than ${maxProperties} entries`)
    .meta({ maxProperties });
}
