/** A program that could not be started, and which one. */
export class ProcessStartError extends Error {
  override readonly name = 'ProcessStartError';
  /**
   * `missing`: no such file. `not_executable`: there is one, but it may not be run. `no_interpreter`: its first
   * line names an interpreter that is not there. `no_directory`: the working directory is not there. `refused`: the system would not start it (too many processes, arguments too long …).
   */
  readonly reason: 'missing' | 'not_executable' | 'no_interpreter' | 'no_directory' | 'refused';
  readonly program: string;

  constructor(reason: ProcessStartError['reason'], program: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.program = program;
  }
}
