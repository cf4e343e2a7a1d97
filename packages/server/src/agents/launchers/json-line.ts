import { z } from 'zod';

const JsonObject = z.record(z.string(), z.unknown());

/** Reads a line that is a JSON object; `undefined` for any other. */
export function jsonLine(line: string): Readonly<Record<string, unknown>> | undefined {
  // Most lines of a log are not JSON: spare them the parser and its exception.
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    return JsonObject.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
