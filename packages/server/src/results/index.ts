export { ResultMirror } from './result-mirror.ts';
export { ResultSweep } from './result-sweep.ts';
export { ResultStore, type ResultPlace, type ResultQuery } from './result-store.ts';
export { Results, type HandOver, type ResultReceipt } from './results.ts';
