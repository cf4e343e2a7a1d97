/** Longest URL and header block that is read. */
export const MAX_HEADER_BYTES = 32 * 1024;

/**
 * What one connection may take, in time. Loopback is fast: whoever needs longer than this for a request’s headers wants
 * to keep the connection busy (slowloris).
 */
export const CONNECTION_TIMES = {
  /** Until the TLS handshake is done. */
  handshakeTimeoutMs: 10_000,
  /** Until all headers of a request have come; also of the first request. */
  headersTimeoutMs: 15_000,
  /** Until all of a request has come. */
  requestTimeoutMs: 60_000,
  /** Between two requests. */
  keepAliveTimeoutMs: 72_000,
  /** Without a byte in either direction; longer than any long-poll. */
  idleTimeoutMs: 180_000,
  /** How often the times of requests are looked at. */
  checkIntervalMs: 1000,
} as const;

/** How long a stop waits for requests under way. */
export const DRAIN_TIMEOUT_MS = 5000;
