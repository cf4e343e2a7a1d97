/**
 * What each signal, 0 … 1, adds to a file’s score: fitted by listwise regression on real changes, held out by
 * repository, then rounded (docs/context.md). Words come first. How alive a file is comes far behind them: alone it
 * would rank worse than its path does.
 */
export const SIGNAL_WEIGHTS = {
  /** BM25F of the whole task. */
  text: 2.4,
  /** BM25F of its title. */
  title: 0.5,
  /** Best forty lines against the task. */
  passage: 2.2,
  /** Best forty lines against the title. */
  title_passage: 0.3,
  /** Path named by the task, or by a stack trace in it. */
  mention: 2.8,
  /** Own name said by the task. */
  name: 1.2,
  /** Own name of the families of the title’s words. */
  alike: 0.7,
  /** Named and full of the task’s words. */
  named_text: 1.4,
  /** Path in the area that the title begins with. */
  scope: 1.2,
  /** Defines what the task names. */
  define: 0.5,
  /** Personalised PageRank over references. */
  graph: 0.2,
  /** Test, header or twin of a file that ranks high. */
  companion: 0.2,
  /** Directory of files that rank high. */
  directory: 0.4,
  /** Earlier commits about the same words. */
  past: 1,
  /** Words of all commits that changed it. */
  messages: 0.8,
  /** Changed together with files that rank high. */
  together: 0.5,
  /** Changed lately and often. */
  lively: 1.5,
  /** Directory that the newest commits changed. */
  area: 0.6,
} as const;

/** A signal’s name, as a receipt shows it. */
export type SignalName = keyof typeof SIGNAL_WEIGHTS;

/** What a file’s kind adds before any task is known: what changes is mostly program code. */
export const KIND_WEIGHTS = {
  source: 1.2,
  test: -0.5,
  documentation: -2.8,
  /** Neither a programming language nor documentation: data, configuration, translations. */
  data: -1.8,
  example: -0.2,
  header: -0.6,
  vendored: -2,
  locale: -1.5,
  changelog: -1.1,
  /**
   * For each tenfold of length, where no history tells what is alive: long files are changed more often, and BM25
   * corrects length too hard for code.
   */
  length: 0.7,
  /** The same where history tells. */
  length_with_history: -0.1,
} as const;
