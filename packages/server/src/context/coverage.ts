/** Where test runners leave their coverage, most exact first; relative to the root. */
export const COVERAGE_FILES = [
  'coverage/coverage-summary.json',
  'coverage-summary.json',
  'coverage/lcov.info',
  'lcov.info',
  'coverage.lcov',
  'coverage/cobertura-coverage.xml',
  'coverage.xml',
  'cobertura.xml',
  'coverage/cobertura.xml',
  'build/reports/cobertura/cobertura.xml',
  'target/site/cobertura/coverage.xml',
  'target/site/jacoco/jacoco.xml',
  'build/reports/jacoco/test/jacocoTestReport.xml',
] as const;

/** Covered lines in percent, two decimals; null when the report does not say. */
export function coverageOf(path: string, text: string): number | null {
  const report = text.replace(/^\ufeff/, '');
  const share = path.endsWith('.json')
    ? fromSummary(report)
    : path.endsWith('.xml')
      ? fromXml(report)
      : fromLcov(report);
  return share === null || !Number.isFinite(share) || share < 0 || share > 100 ? null : Math.round(share * 100) / 100;
}

function fromSummary(text: string): number | null {
  try {
    const summary: unknown = JSON.parse(text);
    const percent = field(field(field(summary, 'total'), 'lines'), 'pct');
    return typeof percent === 'number' ? percent : null;
  } catch {
    return null;
  }
}

function fromLcov(text: string): number | null {
  const sum = (tag: string): number =>
    [...text.matchAll(new RegExp(`^${tag}:(\\d+)\\s*$`, 'gm'))].reduce((total, match) => total + Number(match[1]), 0);
  const found = sum('LF');
  if (found > 0) return (sum('LH') / found) * 100;
  // The sums are optional, the lines are not.
  const hits = [...text.matchAll(/^DA:\d+,(\d+)/gm)].map((match) => Number(match[1]));
  return hits.length === 0 ? null : (hits.filter((count) => count > 0).length / hits.length) * 100;
}

function fromXml(text: string): number | null {
  const cobertura = /<coverage\b[^>]*\bline-rate="([\d.]+)"/.exec(text)?.[1];
  if (cobertura !== undefined) return Number(cobertura) * 100;
  // JaCoCo’s last line counter is the one of the whole report.
  const lines = [...text.matchAll(/<counter type="LINE" missed="(\d+)" covered="(\d+)"\s*\/>/g)].at(-1);
  if (lines === undefined) return null;
  const [missed, covered] = [Number(lines[1]), Number(lines[2])];
  return missed + covered === 0 ? null : (covered / (missed + covered)) * 100;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
