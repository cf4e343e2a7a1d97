/** One place where a mirror is not what the store says. */
export interface MirrorFault {
  /** File, relative to the data directory. */
  readonly path: string;
  /** `missing`: it should be there; `different`: its text is another; `extra`: nothing in the store stands behind it. */
  readonly fault: 'missing' | 'different' | 'extra';
}
