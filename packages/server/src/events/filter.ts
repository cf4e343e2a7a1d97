import { SidecarError, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { EventEntry } from './event-entry.ts';

/** Decides whether an event is wanted. */
export type EventPredicate = (event: SidecarEvent) => boolean;

/** What a reader may narrow its reading by. */
export interface Interest {
  /** One event type; left out or `*`: any. */
  readonly eventType?: string | undefined;
  readonly topic?: string | undefined;
  /** Filter expression (DECISIONS 9). */
  readonly filter?: string | undefined;
}

const OWN_FIELDS = [
  'topic',
  'publisher',
  'publisher_type',
  'correlation_id',
  'round',
  'references',
  'event_type',
] as const;
type OwnField = (typeof OWN_FIELDS)[number];
const MAX_TERMS = 32;
const MAX_ALTERNATIVES = 64;

const everything: EventPredicate = () => true;

/** The wanted ones of some entries. Who wants everything does not make them be parsed. */
export function selectWanted(entries: readonly EventEntry[], wanted: EventPredicate): readonly EventEntry[] {
  return wanted === everything ? entries : entries.filter((entry) => wanted(entry.event));
}

/**
 * Compiles an interest once, to be asked for every event.
 * @throws {SidecarError} `FILTER_INVALID` with `position`, the 0-based character where the filter broke.
 */
export function compileInterest(interest: Interest): EventPredicate {
  const { eventType, topic } = interest;
  const tests: EventPredicate[] = [];
  if (eventType !== undefined && eventType !== '*') tests.push((event) => event.event_type === eventType);
  if (topic !== undefined) tests.push((event) => event.topic === topic);
  if (interest.filter) tests.push(...compileFilter(interest.filter));
  if (tests.length === 0) return everything;
  const [only] = tests;
  return tests.length === 1 && only ? only : (event) => tests.every((test) => test(event));
}

function compileFilter(filter: string): EventPredicate[] {
  const terms: EventPredicate[] = [];
  let position = 0;
  for (const term of filter.split(',')) {
    if (terms.length >= MAX_TERMS) throw broken(position, `more than ${MAX_TERMS} terms`);
    terms.push(compileTerm(term, position));
    position += term.length + 1;
  }
  return terms;
}

function compileTerm(term: string, start: number): EventPredicate {
  const position = start + term.length - term.trimStart().length;
  const wanted = term.trim();
  const negated = wanted.startsWith('!');
  const colon = wanted.indexOf(':');
  if (colon === -1) throw broken(position + wanted.length, 'expected `:` and a value');
  const field = wanted.slice(negated ? 1 : 0, colon).trim();
  if (field.split('.').includes('')) throw broken(position, 'expected a field name');
  if (field.startsWith('!') || /[|*]/.test(field))
    throw broken(position, 'expected one `!` at most and a plain field name');
  const alternatives = wanted
    .slice(colon + 1)
    .split('|')
    .map((value) => value.trim());
  if (alternatives.length > MAX_ALTERNATIVES) throw broken(position, `more than ${MAX_ALTERNATIVES} alternatives`);
  if (alternatives.includes('')) throw broken(position + colon + 1, 'expected a value');
  const matches = compileAlternatives(alternatives);
  const read = compileField(field);
  return (event) => {
    const value = read(event);
    const found = value !== undefined && matches(value);
    return found !== negated;
  };
}

function compileField(field: string): (event: SidecarEvent) => string | undefined {
  const own = OWN_FIELDS.find((name): name is OwnField => name === field);
  const path = field.split('.');
  return (event) => (own && asText(event[own])) ?? asText(valueAt(event.data, path));
}

function valueAt(data: SidecarEvent['data'], path: readonly string[]): unknown {
  let node: unknown = data;
  for (const key of path) {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return undefined;
    node = Reflect.get(node, key);
  }
  return node;
}

/** Thousands of readers may each name a thousand values, and all are asked of every event. */
function compileAlternatives(alternatives: readonly string[]): (text: string) => boolean {
  const whole = new Set(alternatives.filter((value) => !value.endsWith('*')));
  const prefixes = alternatives.filter((value) => value.endsWith('*')).map((value) => value.slice(0, -1));
  if (prefixes.length === 0) return (text) => whole.has(text);
  return (text) => whole.has(text) || prefixes.some((prefix) => text.startsWith(prefix));
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function broken(position: number, why: string): SidecarError {
  return new SidecarError('FILTER_INVALID', `The filter broke at character ${position}: ${why}.`, {
    extension: { position },
  });
}
