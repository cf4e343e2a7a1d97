import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namedChildOf, readTraceContext, traceparentOf } from './trace-context.ts';

test.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
  ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later', true],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later', false],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', false],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', false],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', false],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', false],
  ['', false],
])('the trace context %s is valid: %s', (text, valid) => {
  expect(readTraceContext(text) !== undefined).toBe(valid);
});

test('what is written is read again, and never more than that', () => {
  const hex = (digits: number) =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((text) => /[^0]/.test(text));
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
      const context = { traceId, spanId, sampled };
      expect(readTraceContext(traceparentOf(context))).toEqual(context);
      expect(namedChildOf(context, 'a')).toEqual(namedChildOf(context, 'a'));
      expect(namedChildOf(context, 'a').spanId).not.toBe(namedChildOf(context, 'b').spanId);
    }),
  );
  expect(readTraceContext('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'a\nb')?.tracestate).toBe(
    undefined,
  );
});
