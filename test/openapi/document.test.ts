import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { procedures } from '@orchestration-sidecar/shared';
import { afterAll, expect, test } from 'vitest';
import { createOpenApi } from '../../packages/server/src/api/openapi/index.ts';
import { createReferencePage } from '../../packages/server/src/api/openapi/reference-page.ts';
import { checker } from './checker.ts';

const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'openapi-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

// oxlint-disable-next-line typescript/no-explicit-any -- the document is read as a caller reads it
const document: any = createOpenApi(procedures, '0.0.0');
// oxlint-disable-next-line typescript/no-explicit-any -- as above
const operations: any[] = Object.values(document.paths).flatMap((item: any) => Object.values(item));

test('redocly finds nothing to say about it', () => {
  const file = join(scratch, 'openapi.json');
  writeFileSync(file, JSON.stringify(document));
  const directory = join(root, 'node_modules/@redocly/cli');
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const lint = [join(directory, bin.redocly), 'lint', file, '--format=json', '--extends=recommended'];
  const { stdout, stderr } = spawnSync(process.execPath, lint, {
    cwd: scratch,
    encoding: 'utf8',
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  });
  expect(stdout, stderr).toContain('"totals"');
  const { problems } = JSON.parse(stdout.slice(stdout.indexOf('{')));
  expect(problems).toEqual([]);
}, 120_000);

test('has an operation for every entry, each with an example of what is sent and of what is answered', () => {
  expect(operations.map(({ operationId }) => operationId)).toEqual(
    expect.arrayContaining(procedures.map(({ name }) => name)),
  );
  const { faults } = checker(document);
  for (const { operationId, requestBody, responses } of operations) {
    const contents = [requestBody, ...Object.values<Record<string, unknown>>(responses)].flatMap((each) =>
      Object.values<{ schema: object; example?: unknown; examples?: unknown }>(each?.['content'] ?? {}),
    );
    for (const { schema, example, examples } of contents) {
      expect([operationId, example !== undefined || examples !== undefined]).toEqual([operationId, true]);
      if (example !== undefined) expect([operationId, faults(schema, example)]).toEqual([operationId, []]);
    }
  }
});

test('examples of what is sent are taken by the contract', () => {
  for (const entry of procedures) {
    const { requestBody, parameters } = operations.find(({ operationId }) => operationId === entry.name);
    const named = parameters
      .filter((each: { in?: string }) => each.in === 'path')
      .map(({ name, example }: { name: string; example: unknown }) => [name, example]);
    const required = parameters
      .filter((each: { in?: string; required?: boolean }) => each.in === 'query' && each.required)
      .map(({ name, example }: { name: string; example: unknown }) => [name, example]);
    const input = {
      ...requestBody?.content['application/json'].example,
      ...Object.fromEntries([...named, ...required]),
    };
    expect([entry.name, entry.input.safeParse(input).error?.message]).toEqual([entry.name, undefined]);
  }
});

test('every error is there with its own example, and every refusal is a problem document', () => {
  for (const entry of procedures) {
    const { responses } = operations.find(({ operationId }) => operationId === entry.name);
    const told = JSON.stringify(responses);
    for (const code of entry.errors) expect([entry.name, told.includes(code)]).toEqual([entry.name, true]);
  }
  const { faults } = checker(document);
  for (const [code, { value }] of Object.entries<{ value: unknown }>(document.components.examples)) {
    expect([code, faults({ $ref: '#/components/schemas/Problem' }, value)]).toEqual([code, []]);
  }
});

test('no object schema is written out twice', () => {
  const seen = new Map<string, string>();
  const twice: string[] = [];
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  const walk = (node: any, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    if (node.type === 'object' && Object.keys(node.properties ?? {}).length > 1) {
      const text = JSON.stringify(node.properties);
      if (seen.has(text)) twice.push(`${path} = ${seen.get(text)}`);
      else seen.set(text, path);
    }
    for (const [key, value] of Object.entries(node)) walk(value, `${path}/${key}`);
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    // What is sent of a schema and what is answered may differ in what a field may leave out.
    if (!/(Request|Input)$/.test(name)) walk(schema, name);
  }
  expect(twice).toEqual([]);
});

test('the page holds every operation and schema, and nothing that a strict content policy refuses', () => {
  const page = createReferencePage(document);
  for (const { operationId } of operations) expect(page).toContain(`<section id="${operationId}">`);
  for (const name of Object.keys(document.components.schemas)) expect(page).toContain(`<section id="schema-${name}">`);
  expect(page).not.toMatch(/<script|<style|\sstyle=|\son\w+=|javascript:/);
  const loaded = [...page.matchAll(/<(?:link|img|iframe|object|embed)\b[^>]*?(?:src|href)="([^"]*)"/g)];
  expect(loaded.map(([, address]) => address)).toEqual(['/docs/style.css']);
  const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  expect(targets.filter((id) => !page.includes(`id="${id}"`))).toEqual([]);
});
