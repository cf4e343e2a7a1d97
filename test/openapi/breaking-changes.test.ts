import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { procedures } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { createOpenApi } from '../../packages/server/src/api/openapi/index.ts';
import { breakingChanges } from './breaking-changes.ts';
import { declaredChanges } from './declared-changes.ts';

const root = resolve(import.meta.dirname, '../..');
const current = createOpenApi(procedures, '0.0.0');
// oxlint-disable-next-line typescript/no-explicit-any -- documents are changed by hand here
const changed = (change: (document: any) => void): string[] => {
  const copy = structuredClone(current);
  change(copy);
  return breakingChanges(current, copy);
};

test('what breaks clients of the committed document is declared in a changeset', () => {
  const committed = JSON.parse(readFileSync(join(root, 'docs/openapi.json'), 'utf8'));
  const declared = declaredChanges(root);
  // Declare each in a file of .changeset/ as a line `- breaks: <change>`, or take the change back.
  expect(breakingChanges(committed, current).filter((change) => !declared.includes(change))).toEqual([]);
});

test('a document breaks nothing of itself', () => {
  expect(existsSync(join(root, '.changeset'))).toBe(true);
  expect(breakingChanges(current, current)).toEqual([]);
});

test.each([
  ['DELETE /api/consumers/{consumer}: removed', (it) => delete it.paths['/api/consumers/{consumer}'].delete],
  ['POST /api/issues body.title: removed', (it) => delete it.components.schemas.IssuesCreateRequest.properties.title],
  ['POST /api/issues body.body: required now', (it) => it.components.schemas.IssuesCreateRequest.required.push('body')],
  [
    'GET /api/issues query status: "paused" no longer taken',
    (it) =>
      (it.paths['/api/issues'].get.parameters.find((each: { name?: string }) => each.name === 'status').schema = {
        type: 'string',
        enum: ['open', 'running', 'resolved', 'failed', 'cancelled'],
      }),
  ],
  [
    'GET /api/issues query limit: maximum is tighter',
    (it) =>
      (it.paths['/api/issues'].get.parameters.find((each: { name?: string }) => each.name === 'limit').schema.maximum =
        5),
  ],
  ['GET /api/issues/{issue_id} answer.title: removed', (it) => delete it.components.schemas.Issue.properties.title],
  [
    'GET /api/issues/{issue_id} answer.title: no longer promised',
    (it) => it.components.schemas.Issue.required.splice(it.components.schemas.Issue.required.indexOf('title'), 1),
  ],
  [
    'GET /api/issues/{issue_id} answer.title: number is no longer what it is',
    (it) => (it.components.schemas.Issue.properties.title.type = 'number'),
  ],
  [
    'POST /api/events/{event_type} answer 202: removed',
    (it) => {
      it.paths['/api/events/{event_type}'].post.responses['200'] =
        it.paths['/api/events/{event_type}'].post.responses['202'];
      delete it.paths['/api/events/{event_type}'].post.responses['202'];
    },
  ],
  ['GET /health needs a token now', (it) => delete it.paths['/health'].get.security],
] as const satisfies readonly (readonly [string, (document: ReturnType<typeof JSON.parse>) => unknown])[])(
  '%s',
  (change, make) => {
    expect(changed(make)).toContain(change);
  },
);

test('what is merely new breaks nobody', () => {
  expect(
    changed((it) => {
      it.paths['/api/new'] = { get: it.paths['/health'].get };
      it.components.schemas.Issue.properties.colour = { type: 'string' };
      it.components.schemas.Issue.required.push('colour');
      it.components.schemas.IssuesCreateRequest.properties.colour = { type: 'string' };
      it.paths['/api/issues'].get.parameters.push({
        name: 'colour',
        in: 'query',
        required: false,
        schema: { type: 'string' },
      });
    }),
  ).toEqual([]);
});
