export { Holds, type Hold } from './holds.ts';
export { PinStore, type PinTarget } from './pin-store.ts';
export { releaseSpace } from './release-space.ts';
export { sweepOldest, type Aging } from './sweep-oldest.ts';
export { sweepRows, type BatchBounds, type Fate } from './sweep-rows.ts';
export { olderThan, type Sweep, type SweepOptions } from './sweep.ts';
export { Tally, type Amount } from './tally.ts';
export { withinSize } from './within-size.ts';
