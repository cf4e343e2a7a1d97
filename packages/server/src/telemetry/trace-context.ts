import { createHash, randomFillSync } from 'node:crypto';

/** Place in a trace (W3C Trace Context): what a caller hands over, and what is handed to whoever goes on. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Span that what follows is part of: 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether whoever began the trace wants it recorded. */
  readonly sampled: boolean;
  /** What tracing systems on the way carry along, never looked into. */
  readonly tracestate?: string | undefined;
}

/** Version, trace id, parent id, flags. Further fields belong to later versions. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?$/;
/** Most that is carried along is 512 characters; vendors may leave out more (“Tracestate Limits”). */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;
const SAMPLED = 0x01;
export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** Randomness drawn at once: a few bytes cost as much as many. */
const pool = Buffer.alloc(4096);
let used = pool.length;

/** Random bytes for an id, as hexadecimal digits. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/** Reads a trace context; undefined for one that is not valid, which the standard wants ignored. */
export function readTraceContext(traceparent: unknown, tracestate?: unknown): TraceContext | undefined {
  if (typeof traceparent !== 'string') return undefined;
  const [, version, traceId, spanId, flags, later] = TRACEPARENT.exec(traceparent.trim()) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && later !== undefined) return undefined;
  const sampled = (Number.parseInt(flags, 16) & SAMPLED) !== 0;
  const carried = typeof tracestate === 'string' && TRACESTATE.test(tracestate) ? { tracestate } : {};
  return { traceId, spanId, sampled, ...carried };
}

/** The `traceparent` of a context, in the version that everyone reads. */
export function traceparentOf({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** A new place below another one. */
export function childOf(parent: TraceContext): TraceContext {
  return { ...parent, spanId: randomHex(SPAN_ID_BYTES) };
}

/** The place below another one that a key names, the same every time: for what outlives the process. */
export function namedChildOf(parent: TraceContext, key: string): TraceContext {
  const digest = createHash('sha256').update(`${parent.traceId}/${parent.spanId}/${key}`).digest('hex');
  return { ...parent, spanId: digest.slice(0, 16) };
}
