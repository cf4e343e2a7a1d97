import { parseArgs } from 'node:util';
import { measureCatchUp } from './catch-up.ts';
import { measureFanOut } from './fan-out.ts';
import { measureLatency } from './latency.ts';
import { measurePublishing } from './publishing.ts';
import { Report } from './report.ts';
import { startTarget } from './target.ts';

/**
 * How fast the event bus is, beside what it is made of and beside other servers:
 *
 *     npm run bench -- events [--seconds 5] [--backlog 1000000] [--only publishing,fan-out,latency,catch-up]
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    backlog: { type: 'string', default: '1000000' },
    only: { type: 'string', default: 'publishing,fan-out,latency,catch-up' },
  },
});
const seconds = Number(values.seconds);
const parts = new Set(values.only.split(','));

const report = new Report();
await using target = await startTarget();
if (parts.has('publishing')) await measurePublishing(target, seconds, report);
if (parts.has('fan-out')) await measureFanOut(target, seconds, report);
if (parts.has('latency')) await measureLatency(target, seconds, report);
if (parts.has('catch-up')) {
  // On a log of its own, so that the backlog is all there is.
  await using behind = await startTarget();
  await measureCatchUp(behind, Number(values.backlog), report);
}
report.print();
