/** Settings that cannot be used, in words for the person who made them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Each fault by itself. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[], options?: ErrorOptions) {
    super(faults.join('\n'), options);
    this.faults = faults;
  }
}
