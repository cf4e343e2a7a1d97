import type { Failure } from '../failure.ts';
import type { Paint } from '../terminal.ts';
import { cleanText } from './text.ts';

/** A failure for people: what happened, what to do next, and what to look it up by. */
export function renderFailure(failure: Failure, paint: Paint): string {
  const { message, details, recovery, correlationId } = failure;
  return [
    `${paint('red', '✗')} ${paint('bold', cleanText(message, '\n'))}`,
    ...details.map((detail) => `  - ${cleanText(detail)}`),
    ...(recovery === undefined ? [] : [`  ${cleanText(recovery)}`]),
    ...(correlationId === undefined ? [] : [paint('dim', `  correlation id ${cleanText(correlationId)}`)]),
  ].join('\n');
}
