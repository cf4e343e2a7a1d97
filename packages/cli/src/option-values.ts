import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { JsonObject } from '@orchestration-sidecar/shared';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Reads a whole number, 0 or more; its bounds are the sidecar's to check. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number, 0 or more.');
  return Number(text);
}

/** Reads a text that must say something. */
export function filledText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected some text.');
  return text;
}

/** Collects the values of an option that may be given several times. */
export function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Reads a time: RFC 3339, a date, or how long ago (`90s`, `15m`, `2h`, `7d`). Answers RFC 3339. */
export function pointInTime(text: string): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = count && unit ? Date.now() - Number(count) * (UNIT_MS[unit] ?? 0) : Date.parse(text);
  if (!Number.isFinite(ms))
    throw new InvalidArgumentError('Expected a time such as 2026-01-31T12:00:00Z, or 15m for 15 minutes ago.');
  return new Date(ms).toISOString();
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Text of an argument: as it stands, `@file`, or `-` for standard input. */
export async function textArgument(value: string, terminal: Terminal): Promise<string> {
  if (value === '-') return terminal.readInput();
  return value.startsWith('@') ? fileText(value.slice(1), terminal) : value;
}

/** Text of a file, or of standard input for `-`. */
export async function fileText(path: string, terminal: Terminal): Promise<string> {
  if (path === '-') return terminal.readInput();
  try {
    return readFileSync(resolve(terminal.cwd, path), 'utf8');
  } catch (cause) {
    throw new CommandFailure(`${path} cannot be read.`, {
      exitCode: EXIT.usage,
      recovery: 'Name a file that exists, or - for standard input.',
      cause,
    });
  }
}

/**
 * Reads a JSON object.
 * @throws {CommandFailure} saying where it broke.
 */
export function jsonObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(`${what} is not JSON: ${reason}`, { exitCode: EXIT.usage, cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CommandFailure(`${what} is not a JSON object.`, { exitCode: EXIT.usage });
}

/** The little of a schema of the contract that is used. */
interface Schema<T> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: { readonly issues: readonly { path: PropertyKey[]; message: string }[] };
      };
}

/**
 * Reads a value as a schema of the contract wants it.
 * @throws {CommandFailure} listing every fault.
 */
export function fitting<T>(schema: Schema<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CommandFailure(`${what} does not fit its schema.`, {
    exitCode: EXIT.usage,
    details: parsed.error.issues.map(({ path, message }) =>
      [path.join('.'), message].filter((part) => part !== '').join(': '),
    ),
  });
}

/** Reads `NAME=value` pairs. */
export function assignments(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CommandFailure(`${pair} is not of the form NAME=value.`, { exitCode: EXIT.usage });
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
