import { expect, test } from 'vitest';
import { inCall, workFor } from './call-context.ts';
import { createLogger } from './logger.ts';

test('what is logged in a call carries its ids, the project once it is known, and nothing outside of it does', () => {
  const lines: string[] = [];
  const logger = createLogger('info', { write: (line: string) => void lines.push(line) });
  inCall({ correlationId: 'c-1' }, () => {
    logger.info({}, 'early');
    workFor('shop');
    logger.info({}, 'later');
  });
  workFor('shop');
  logger.info({}, 'of itself');
  const ids = lines.map((line) => {
    const { correlation_id: correlationId, project_id: projectId }: Record<string, unknown> = JSON.parse(line);
    return [correlationId, projectId];
  });
  expect(ids).toEqual([
    ['c-1', undefined],
    ['c-1', 'shop'],
    [undefined, undefined],
  ]);
});
