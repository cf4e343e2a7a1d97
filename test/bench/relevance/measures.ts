/** How good one order of paths is for one case. */
export interface Measures {
  readonly recall5: number;
  readonly recall10: number;
  readonly recall20: number;
  /** Reciprocal of the first right path’s place. */
  readonly mrr: number;
  readonly ndcg10: number;
}

/** Measures an order of paths against those that are right. */
export function measure(order: readonly string[], right: readonly string[]): Measures {
  const wanted = new Set(right);
  const hits = order.slice(0, 20).map((path) => wanted.has(path));
  const recall = (depth: number): number => hits.slice(0, depth).filter(Boolean).length / wanted.size;
  const first = order.findIndex((path) => wanted.has(path));
  const gain = (place: number): number => 1 / Math.log2(place + 2);
  const gained = hits.slice(0, 10).reduce((sum, hit, place) => sum + (hit ? gain(place) : 0), 0);
  const best = Array.from({ length: Math.min(10, wanted.size) }, (_, place) => gain(place)).reduce(
    (sum, value) => sum + value,
    0,
  );
  return {
    recall5: recall(5),
    recall10: recall(10),
    recall20: recall(20),
    mrr: first < 0 ? 0 : 1 / (first + 1),
    ndcg10: gained / best,
  };
}

/** Mean of measures. */
export function mean(all: readonly Measures[]): Measures {
  const of = (pick: (one: Measures) => number): number =>
    all.reduce((sum, one) => sum + pick(one), 0) / Math.max(1, all.length);
  return {
    recall5: of((one) => one.recall5),
    recall10: of((one) => one.recall10),
    recall20: of((one) => one.recall20),
    mrr: of((one) => one.mrr),
    ndcg10: of((one) => one.ndcg10),
  };
}
