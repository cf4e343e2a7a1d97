// `node scripts/test-totals.mjs <vitest's JSON report> <vitest's exit code>` prints "<passed> <failed>".
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/**
 * A run that ended badly without a failed test (a crash, a file that does not load) or that ran no test counts as one
 * failure: no report may read better than the run was.
 * @param {string} report
 * @param {number} exitCode
 */
export function testTotals(report, exitCode) {
  const { passed, failed } = counted(report);
  const endedBadly = exitCode !== 0 || passed === 0;
  return { passed, failed: failed === 0 && endedBadly ? 1 : failed };
}

/** @param {string} report */
function counted(report) {
  try {
    /** @type {{ numPassedTests: number, numFailedTests: number }} */
    const { numPassedTests, numFailedTests } = JSON.parse(report);
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

const [, program = '', reportFile = '', exitCode = '1'] = process.argv;
if (import.meta.url === pathToFileURL(program).href) {
  const { passed, failed } = testTotals(readFileSync(reportFile, 'utf8'), Number(exitCode));
  console.log(`${passed} ${failed}`);
}
