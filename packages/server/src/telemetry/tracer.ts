import { ERRORS, SidecarError } from '@orchestration-sidecar/shared';
import type { TraceContext } from './trace-context.ts';

/** What is said of a span. No secrets, no texts of people or agents: ids, names, sizes and codes. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A piece of work that a trace shows. */
export interface SpanDescription {
  /** Of a short list: what differs from one to the next is an attribute. */
  readonly name: string;
  /** `server`: it answers somebody outside. Default `internal`. */
  readonly kind?: 'server' | 'internal';
  readonly attributes?: SpanAttributes;
}

/** A piece of work that is over. */
export interface FinishedSpan extends SpanDescription {
  /** Where it was given out to be; default: a new place below its parent. */
  readonly place?: TraceContext;
  /** Undefined: it begins its trace. */
  readonly parent: TraceContext | undefined;
  /** What else it was done for. */
  readonly links?: readonly TraceContext[];
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /** Code of what went wrong. */
  readonly error?: string | undefined;
}

/** What became of spans since the start. */
export interface SpanCounts {
  readonly exported: number;
  /** The collector did not take them. */
  readonly failed: number;
  /** Too many waited already. */
  readonly dropped: number;
}

/** Versions of the GenAI semantic conventions that spans of agents can follow. */
export type GenAiConventions = '1.36' | 'latest_experimental';

/** Writes traces. What it is asked to record never fails and never waits. */
export interface Tracer {
  /** Whether anything is recorded; otherwise trace contexts are passed on as they came. */
  readonly isOn: boolean;
  readonly genAi: GenAiConventions;
  /** A place for a span below another one, or at the head of a new trace, to be recorded when it is over. */
  place(parent: TraceContext | undefined): TraceContext | undefined;
  /** As {@link place}, the same every time for the same key. */
  namedPlace(parent: TraceContext, key: string): TraceContext;
  /**
   * Does work as a span of the call that is worked on.
   * @param work is given what adds attributes; its failure is the span’s.
   */
  within<T>(span: SpanDescription, work: (note: (attributes: SpanAttributes) => void) => Promise<T>): Promise<T>;
  /** Records what is over. Nothing when its trace is not to be recorded. */
  record(span: FinishedSpan): void;
  counts(): SpanCounts;
}

/** Code of a failure, and whether the sidecar is at fault or whoever asked. */
export function failureOf(cause: unknown): { readonly code: string; readonly isFault: boolean } {
  if (cause instanceof SidecarError) return { code: cause.code, isFault: ERRORS[cause.code].http >= 500 };
  return { code: cause instanceof Error ? cause.name : 'Error', isFault: true };
}

const NOTHING: SpanCounts = { exported: 0, failed: 0, dropped: 0 };
const ignore = (): void => {};

/** Records nothing and costs nothing: traces of others pass through. */
export const noTracer: Tracer = {
  isOn: false,
  genAi: '1.36',
  place: (parent) => parent,
  namedPlace: (parent) => parent,
  within: (_span, work) => work(ignore),
  record: ignore,
  counts: () => NOTHING,
};
