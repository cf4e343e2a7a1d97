/** Environment of the process, handed in so that tests can set it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process: the one place that reads it. Apart from the configuration, so that worker threads load no more. */
export function processEnvironment(): Environment {
  return process.env;
}
