import { expect, test } from 'vitest';
import { testTotals } from './test-totals.mjs';

const reportOf = (/** @type {number} */ passed, /** @type {number} */ failed) =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed });

test.each([
  { run: 'a good run', report: reportOf(5, 0), exitCode: 0, passed: 5, failed: 0 },
  { run: 'failed tests', report: reportOf(5, 2), exitCode: 1, passed: 5, failed: 2 },
  { run: 'a test file that does not load', report: reportOf(5, 0), exitCode: 1, passed: 5, failed: 1 },
  { run: 'a crash before the report', report: '', exitCode: 139, passed: 0, failed: 1 },
  { run: 'a crash in the midst of the report', report: '{"numPassedTests": 5', exitCode: 1, passed: 0, failed: 1 },
  { run: 'a run of no test', report: reportOf(0, 0), exitCode: 0, passed: 0, failed: 1 },
])('$run is counted truthfully', ({ report, exitCode, passed, failed }) => {
  expect(testTotals(report, exitCode)).toEqual({ passed, failed });
});
