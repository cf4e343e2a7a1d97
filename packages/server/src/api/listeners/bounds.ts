/** Longest URL and header block that is read. */
export const MAX_HEADER_BYTES = 32 * 1024;

/** What one connection may take, in time. */
export interface ConnectionTimes {
  /** Until the TLS handshake is done. */
  readonly handshakeTimeoutMs: number;
  /** Until all headers of a request have come; also of the first request. */
  readonly headersTimeoutMs: number;
  /** Until all of a request has come. */
  readonly requestTimeoutMs: number;
  /** Between two requests. */
  readonly keepAliveTimeoutMs: number;
  /** Without a byte in either direction; longer than any long-poll. */
  readonly idleTimeoutMs: number;
  /** How often the times of requests are looked at. */
  readonly checkIntervalMs: number;
}

/** Loopback is fast: whoever needs longer for a request’s headers wants to keep the connection busy (slowloris). */
export const CONNECTION_TIMES: ConnectionTimes = {
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 72_000,
  idleTimeoutMs: 180_000,
  checkIntervalMs: 1000,
};

/** How long a stop waits for requests under way. */
export const DRAIN_TIMEOUT_MS = 5000;
