/**
 * What each signal, 0 … 1, adds to a file’s score. Fitted by listwise regression on {@link file://../../../../../docs/context.md | real commits},
 * cross-validated by repository, then rounded; signals of history are set by what they gained on change logs. Words come
 * first: no other signal can lift a file that shares none with the task above one that shares many.
 */
export const SIGNAL_WEIGHTS = {
  /** BM25F of the whole task. */
  text: 2.2,
  /** BM25F of its title. */
  title: 1.5,
  /** Best forty lines against the task. */
  passage: 1.5,
  /** Best forty lines against the title. */
  title_passage: 0.8,
  /** Path named by the task, or by a stack trace in it. */
  mention: 2.4,
  /** Own name said by the task. */
  name: 2.4,
  /** Named and full of the task’s words. */
  named_text: 1,
  /** Path in the area that the title begins with. */
  scope: 1.8,
  /** Defines what the task names. */
  define: 0.4,
  /** Personalised PageRank over references. */
  graph: 0.7,
  /** Test, header or twin of a file that ranks high. */
  companion: 0.7,
  /** Directory of files that rank high. */
  directory: 0.8,
  /** Earlier commits about the same words. */
  past: 1,
  /** Changed together with files that rank high. */
  together: 0.6,
  /** Changed lately and often. */
  lively: 0.2,
} as const;

/** A signal’s name, as a receipt shows it. */
export type SignalName = keyof typeof SIGNAL_WEIGHTS;

/** What a file’s kind adds before any task is known: what changes is mostly program code. */
export const KIND_WEIGHTS = {
  source: 0.9,
  test: 0.3,
  documentation: -2.5,
  /** Neither a programming language nor documentation: data, configuration, translations. */
  data: -1.2,
  example: -0.5,
  header: -0.7,
  vendored: -1.5,
  locale: -1.1,
  changelog: -0.6,
  /** For each tenfold of length: BM25 corrects length too hard for code. */
  length: 1,
} as const;
