import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { API_REPORT, apiReport } from '../../scripts/api-report.ts';
import { buildPackages } from '../../scripts/build-packages.ts';
import { makeGitProject } from '../support/git-project.ts';
import { openCollector, type Collector } from '../support/otlp-collector.ts';
import { findOnMachine, findRuntime } from './runtimes.ts';
import { installFromWorkspace, installPacked, knownSize, packAll, type Packed } from './installed.ts';

const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'sidecar-packages-'));
const consumer = join(scratch, 'consumer');
const dataDir = join(scratch, 'data');
const page = createServer();
let packed: Packed[];
let server: ChildProcess;
let collector: Collector;
let environment: Record<string, string>;

beforeAll(async () => {
  buildPackages();
  packed = packAll(scratch);
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  installPacked(consumer, packed);
  for (const name of ['@trpc/client', '@trpc/server', 'superjson']) installFromWorkspace(consumer, name);
  for (const file of ['consumer.ts', 'with-test-sidecar.js']) {
    copyFileSync(join(import.meta.dirname, 'consumer', file), join(consumer, file));
  }
  page.listen(0, '127.0.0.1');
  await once(page, 'listening');
  const origin = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
  const main = join(consumer, 'node_modules/orchestration-sidecar/dist/main.js');
  const flags = ['--port', '0', '--data-dir', dataDir, '--project', makeGitProject(), '--allowed-origins', origin];
  collector = await openCollector();
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  server = spawn(process.execPath, [main, 'serve', ...flags], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  await vi.waitFor(() => expect(existsSync(join(dataDir, 'sidecar.json'))).toBe(true), { timeout: 60_000 });
  const { url } = JSON.parse(readFileSync(join(dataDir, 'sidecar.json'), 'utf8'));
  environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: scratch,
    SIDECAR_URL: url,
    JWT_TOKEN: readFileSync(join(dataDir, 'operator.token'), 'utf8').trim(),
  };
}, 240_000);

afterAll(async () => {
  page.close();
  collector.close();
  server.kill('SIGTERM');
  if (server.exitCode === null) await once(server, 'exit');
  rmSync(scratch, { recursive: true, force: true });
});

/** What Node has of that which every browser has, beyond the language itself. */
const OF_THE_WEB = `
  fetch Blob File FormData Headers Request Response URL URLSearchParams WebSocket TextEncoder
  TextDecoder AbortController AbortSignal DOMException Event EventTarget ReadableStream
  TransformStream setTimeout clearTimeout setInterval clearInterval queueMicrotask structuredClone
  crypto performance atob btoa console
`
  .trim()
  .split(/\s+/);

function pick(from: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, Reflect.get(from, name)]));
}

test('the packages, what each exports, and what it runs on', () => {
  expect(packed.map(({ manifest }) => [manifest.name, Object.keys(manifest.exports), manifest.engines.node])).toEqual([
    ['@orchestration-sidecar/shared', ['.', './package.json'], '>=20'],
    ['@orchestration-sidecar/sdk', ['.', './router', './testing', './package.json'], '>=20'],
    ['@orchestration-sidecar/server', ['.', './config', './maintenance', './profiles', './package.json'], '>=22.13'],
    ['orchestration-sidecar', ['.', './package.json'], '>=22.13'],
  ]);
  for (const { manifest } of packed) {
    expect(manifest.license).toBe('MIT');
    expect(JSON.stringify(manifest)).not.toMatch(/workspace:|orchestration-sidecar\/source|"repository"/);
  }
});

test('what the SDK exports by name', async () => {
  const names = async (path: string): Promise<string[]> =>
    Object.keys(await import(join(consumer, 'node_modules/@orchestration-sidecar/sdk/dist', path))).toSorted();
  expect(await names('index.js')).toEqual([
    'Agent',
    'DEFAULT_URL',
    'SidecarError',
    'createSidecarClient',
    'fromProblem',
    'isGapError',
  ]);
  expect(await names('testing/index.js')).toEqual(['runScript', 'startTestSidecar']);
  expect(await names('router.js')).toEqual([]);
});

test.each([
  ['shared', /\/api\/events[\s\S]+PUBLISHER_MISMATCH[\s\S]+false/],
  ['server', /^http:\/\/127\.0\.0\.1:\d+$/m],
])('the program in the page of %s runs from what is published', (name, printed) => {
  const page = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8');
  const file = join(consumer, `page-of-${name}.ts`);
  writeFileSync(file, /^```ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? 'throw new Error("no program")');
  const env = { PATH: process.env['PATH'], HOME: scratch };
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: consumer, env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(printed);
});

test('publint has nothing to say', async () => {
  for (const { manifest, tarball } of packed) {
    const data = readFileSync(tarball);
    const content = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    const { messages } = await publint({ pack: { tarball: content }, strict: true });
    // There is no repository to name.
    const said = messages.filter(({ code }) => !/REPOSITORY/.test(code));
    expect([manifest.name, said]).toEqual([manifest.name, []]);
  }
});

test('the types are not wrong', async () => {
  for (const { manifest, tarball } of packed) {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    const problems = analysis.types === false ? [] : analysis.problems;
    // The packages are ES modules only: `require` from old module resolution is not promised.
    const real = problems.filter(
      (problem) =>
        problem.kind !== 'CJSResolvesToESM' && !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    );
    expect([manifest.name, real]).toEqual([manifest.name, []]);
  }
});

test('a fresh project type-checks against the declarations, libraries included', () => {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: 'es2022',
    lib: ['es2022', 'dom', 'dom.iterable', 'esnext.disposable'],
    module: 'nodenext',
    types: [],
  };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', consumer], { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['', 0]);
  // What types need must not be what only the server has.
  const router = readFileSync(join(consumer, 'node_modules/@orchestration-sidecar/sdk/dist/router.d.ts'), 'utf8');
  expect(router).not.toMatch(/drizzle|fastify|sidecar\/server/);
  expect(router.length).toBeLessThan(8_000);
});

describe('the SDK runs', () => {
  const runtimes = [
    ['the pinned Node', { path: process.execPath, version: process.version }, []],
    ['the Node of this machine', findOnMachine('node'), []],
    ['Bun', findRuntime('bun'), []],
    ['Deno', findRuntime('deno'), ['run', '--allow-all']],
  ] as const;
  const program = join(consumer, 'consumer.js');
  beforeAll(async () => {
    const { code } = await bundle(join(consumer, 'consumer.ts'), { external: /^[^./]/ });
    writeFileSync(program, code);
  });
  for (const [name, runtime, flags] of runtimes) {
    test.skipIf(!runtime)(
      `on ${name} ${runtime?.version ?? 'which is not here: `npm run runtimes` fetches it'}`,
      () => {
        const output = execFileSync(runtime?.path ?? '', [...flags, program], {
          cwd: consumer,
          env: environment,
          encoding: 'utf8',
        });
        expect(JSON.parse(output)).toEqual({
          service: 'orchestration-sidecar',
          followed: { from: 'consumer' },
          listed: true,
          code: 'ISSUE_NOT_FOUND',
        });
      },
      120_000,
    );
  }

  test('where there is nothing of Node, with what a browser has', async () => {
    const { SIDECAR_URL: url, JWT_TOKEN: token } = environment;
    writeFileSync(
      join(consumer, 'of-the-web.js'),
      `import { createSidecarClient } from '@orchestration-sidecar/sdk';
       globalThis.run = async () => {
         const client = createSidecarClient(${JSON.stringify({ url, token })});
         const refused = await client.issues.get({ issue_id: 'nope' }).catch(({ code }) => code);
         const published = await client.events.publish({ event_type: 'browsed' });
         for await (const event of client.events.subscribe({ event_type: 'browsed' })) {
           client.close();
           return [refused, event.event_id === published.event_id];
         }
       };`,
    );
    const { code } = await bundle(join(consumer, 'of-the-web.js'), { platform: 'browser', format: 'iife' });
    const page = createContext(pick(globalThis, OF_THE_WEB));
    runInContext(code, page);
    expect(JSON.parse(await runInContext('run().then(JSON.stringify)', page))).toEqual(['ISSUE_NOT_FOUND', true]);
  });

  const chromium = findOnMachine('chromium');
  test.skipIf(!chromium)(
    `in ${chromium?.version ?? 'a browser, as no chromium is on this machine'}`,
    async () => {
      const { SIDECAR_URL: url, JWT_TOKEN: token } = environment;
      writeFileSync(
        join(consumer, 'browser.js'),
        `import { createSidecarClient } from '@orchestration-sidecar/sdk';
       const client = createSidecarClient(${JSON.stringify({ url, token })});
       const published = await client.events.publish({ event_type: 'browsed_for_real' });
       for await (const event of client.events.subscribe({ event_type: 'browsed_for_real' })) {
         await fetch('/done', { method: 'POST', body: JSON.stringify([event.event_id, published.event_id]) });
         break;
       }`,
      );
      const { code } = await bundle(join(consumer, 'browser.js'), { platform: 'browser' });
      const said = Promise.withResolvers<string>();
      page.on('request', (request, response) => {
        if (request.url === '/done') {
          let text = '';
          request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          request.on('end', () => said.resolve(text));
          response.end();
        } else if (request.url === '/page.js') {
          response.setHeader('content-type', 'text/javascript').end(code);
        } else {
          response.setHeader('content-type', 'text/html').end('<script type="module" src="/page.js"></script>');
        }
      });
      const { port } = page.address() as AddressInfo;
      const profile = `--user-data-dir=${join(scratch, 'chromium')}`;
      const flags = [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--remote-debugging-port=0',
        profile,
      ];
      const browser = spawn(chromium?.path ?? '', [...flags, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
      try {
        const [seen, published] = JSON.parse(await said.promise);
        expect(seen).toBe(published);
      } finally {
        browser.kill('SIGKILL');
        if (browser.exitCode === null && browser.signalCode === null) await once(browser, 'exit');
      }
    },
    120_000,
  );

  test('with a sidecar in the process of a test, from the installed packages', () => {
    const program = join(consumer, 'with-test-sidecar.js');
    expect(execFileSync(process.execPath, [program], { cwd: consumer, env: environment, encoding: 'utf8' })).toBe(
      'success\n',
    );
  }, 120_000);
});

test('the installed server sends traces: what it loads only for them is found', async () => {
  await fetch(`${environment['SIDECAR_URL']}/api/projects`, {
    headers: { authorization: `Bearer ${environment['JWT_TOKEN']}` },
  });
  await expect
    .poll(() => collector.spans.map(({ name }) => name), { timeout: 20_000 })
    .toEqual(expect.arrayContaining(['projects.list']));
});

test('bundled for a browser it imports nothing of Node, and is as large as it is known to be', async () => {
  const entry = join(consumer, 'whole.js');
  writeFileSync(entry, "export * from '@orchestration-sidecar/sdk';\n");
  const { code, imports } = await bundle(entry, { platform: 'browser', minify: true });
  expect(imports).toEqual([]);
  expect(code).not.toMatch(/["']node:/);
  const bytes = gzipSync(code, { level: 9 }).length;
  const { min_gzip_bytes, tolerance } = knownSize();
  // When it is meant to be another size, write the new one into packages/sdk/size.json.
  expect(bytes, `min+gzip: ${bytes} bytes`).toBeLessThan(min_gzip_bytes * (1 + tolerance));
  expect(bytes, `min+gzip: ${bytes} bytes`).toBeGreaterThan(min_gzip_bytes * (1 - tolerance));
});

test('the report of the public surface says what is built', async () => {
  // `npm run generate` writes it anew; what changed is then there to see.
  expect(readFileSync(join(root, API_REPORT), 'utf8')).toBe(await apiReport());
});

async function bundle(
  input: string,
  options: { platform?: 'browser' | 'node'; format?: 'esm' | 'iife'; external?: RegExp; minify?: boolean },
): Promise<{ code: string; imports: readonly string[] }> {
  const { platform = 'node', format = 'esm', external, minify = false } = options;
  const build = await rolldown({ input, platform, ...(external && { external }), logLevel: 'silent' });
  try {
    const { output } = await build.generate({ format, minify, codeSplitting: false });
    const [chunk] = output;
    return { code: chunk.code, imports: chunk.imports };
  } finally {
    await build.close();
  }
}
