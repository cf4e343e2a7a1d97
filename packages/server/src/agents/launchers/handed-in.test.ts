import { describe, expect, test } from 'vitest';
import { outputParser } from './index.ts';
import { handedIn } from './handed-in.ts';

describe('what an agent ends with', () => {
  test('words alone are a success, however long and whatever is in them', () => {
    expect(handedIn(undefined, '```json\n```json\n{"status":"failure"}\n```\n```')).toMatchObject({
      status: 'success',
    });
    // The cut falls into a pair of surrogates.
    const long = handedIn(undefined, `${'x'.repeat(16_383)}😀`);
    expect(long?.summary).toHaveLength(16_384);
    expect(handedIn(null, 'NUL \0 and \uD800')?.summary).toBe('NUL \uFFFD and \uFFFD');
    for (const nothing of [undefined, '', ' \n']) expect(handedIn(undefined, nothing)).toBeNull();
  });

  test('a report that cannot be read is a failure that says why, for a success would lose its findings', () => {
    expect(handedIn({ status: 'success', findings: [{ message: 'no id' }] }, 'All is well')).toMatchObject({
      status: 'failure',
      summary: 'All is well',
      errors: [expect.stringMatching(/^its report could not be read: findings\.0\.id: /)],
      findings: [],
    });
    expect(handedIn({ status: 'blocked', summary: 7 }, undefined)).toMatchObject({ status: 'blocked' });
    for (const report of ['text', 7, [], {}, { status: 'done' }, { status: 'success', files_created: 'a.py' }]) {
      expect(handedIn(report, 'words')).toMatchObject({ status: 'failure', summary: 'words' });
    }
    const many = Array.from({ length: 1001 }, (_, index) => ({ id: `f-${index}`, message: 'wrong' }));
    expect(handedIn({ status: 'success', findings: many }, undefined)).toMatchObject({ status: 'failure' });
    const faulty = { status: 'success', findings: many.map(() => 7) };
    expect(handedIn(faulty, undefined)?.errors.length).toBeLessThanOrEqual(10);
  });

  test('values that would exhaust the stack or reach for prototypes are refused', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(handedIn({ status: 'success', artifacts: { deep } }, undefined)).toMatchObject({ status: 'failure' });
    const own = JSON.parse('{"status":"success","__proto__":{"polluted":true}}');
    expect(handedIn(own, undefined)).not.toHaveProperty('polluted');
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('lines of output', () => {
  const report = (...lines: readonly string[]) => {
    const parser = outputParser('lines');
    for (const line of lines) parser.feed(line);
    return parser.report;
  };
  const result = (fields: object): string => JSON.stringify({ type: 'result', ...fields });

  test('of several results the last one counts, also when it is the worse one', () => {
    const [well, badly] = [
      result({ status: 'success', summary: 'well' }),
      result({ status: 'failed', summary: 'badly' }),
    ];
    expect(report(badly, well)).toMatchObject({ failures: [], result: { status: 'success', summary: 'well' } });
    expect(report(well, badly)).toMatchObject({ failures: [{ reason: 'reported', detail: 'badly' }] });
  });

  test('what is not one result on one line is log', () => {
    const said = result({ status: 'success', summary: 'well' });
    for (const line of [
      `done: ${said}`,
      said.slice(0, -1),
      `\`\`\`json ${said} \`\`\``,
      `[${said}]`,
      result({ status: 'perhaps' }),
      result({}),
      `${said}${said}`,
      '{"type":"result","status":"success","summary":7}',
      `{"type":"other","inner":${said}}`,
    ]) {
      expect(report(line), line).toMatchObject({ result: null, failures: [] });
    }
  });

  test('a partial result with findings that cannot be read is no partial result', () => {
    expect(report(result({ status: 'partial', summary: 'Half', findings: 'none' })).result).toMatchObject({
      status: 'failure',
      summary: 'Half',
    });
  });
});
