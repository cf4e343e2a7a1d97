import type { Paint, Style } from '../terminal.ts';
import { cleanText } from './text.ts';

const LEVEL_STYLES: Readonly<Record<string, Style>> = { ERROR: 'red', WARN: 'yellow', INFO: 'green', DEBUG: 'dim' };
const WELL_KNOWN = new Set(['level', 'time', 'msg', 'err']);

/**
 * A line of the sidecar’s log for people: time, level, message, then the fields; below it the stack of an error. A line
 * that is no JSON object stays as it is.
 */
export function renderLogLine(line: string, paint: Paint): string {
  const fields = parse(line);
  if (!fields) return cleanText(line.trimEnd());
  const level = textOf(fields['level']);
  const rest = Object.entries(fields)
    .filter(([name]) => !WELL_KNOWN.has(name))
    .map(([name, value]) => `${name}=${cleanText(textOf(value))}`);
  const parts = [
    paint('dim', textOf(fields['time']).slice(11, 23)),
    paint(LEVEL_STYLES[level] ?? 'bold', level.padEnd(5)),
    cleanText(textOf(fields['msg'])),
    ...(rest.length > 0 ? [paint('dim', rest.join(' '))] : []),
  ];
  return [parts.join(' '), ...stackOf(fields['err']).map((each) => paint('dim', `    ${cleanText(each)}`))].join('\n');
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function stackOf(err: unknown): string[] {
  if (typeof err !== 'object' || err === null || !('stack' in err)) return [];
  return textOf(err.stack).split('\n');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
