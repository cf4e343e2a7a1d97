/** `traceparent` of W3C Trace Context: version, trace id, parent id, flags. Further fields belong to later versions. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/;

/** Reads a trace context; undefined for one that is not valid, which the standard wants ignored. */
export function readTraceparent(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed !== undefined && TRACEPARENT.test(trimmed) ? trimmed : undefined;
}
