/** What each exit code of the `sidecar` command means. Scripts may rely on them. */
export const EXIT = {
  /** Done; of `serve`: stopped on request. */
  ok: 0,
  /** The command ran, and what it was asked for did not succeed. */
  failed: 1,
  /** The command line cannot be understood, or holds a value that cannot be used. */
  usage: 2,
  /** No sidecar answers at the URL, or none is known. */
  unreachable: 3,
  /** The sidecar refused the request (HTTP 4xx). */
  refused: 4,
  /** The data directory or the port belongs to another process. */
  busy: 5,
  /** What was waited for did not happen in time. */
  timedOut: 6,
  /** Interrupted with Ctrl-C before the outcome was known. */
  interrupted: 130,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The meanings, in words for help and the reference. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'done; of `serve`: stopped on request',
  [EXIT.failed]: 'the command ran, and what it was asked for did not succeed',
  [EXIT.usage]: 'the command line cannot be understood, or holds a value that cannot be used',
  [EXIT.unreachable]: 'no sidecar answers, or none is known',
  [EXIT.refused]: 'the sidecar refused the request (HTTP 4xx)',
  [EXIT.busy]: 'the data directory or the port belongs to another process',
  [EXIT.timedOut]: 'what was waited for did not happen in time',
  [EXIT.interrupted]: 'interrupted with Ctrl-C before the outcome was known',
};
