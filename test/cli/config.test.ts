import { realpathSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runInProcess } from './command-in-process.ts';
import { RunningCommand, runCommand } from './cli-process.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-config-')));
  mkdirSync(join(directory, '.git'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('sidecar config', () => {
  it('says for every setting what it is and where it came from', async () => {
    writeFileSync(join(directory, 'sidecar.config.json'), JSON.stringify({ maxAgents: 7, dataDir: 'state' }));
    const env = { SIDECAR_PORT: '4000', SIDECAR_PROT: '4001' };
    const { code, stdout, stderr } = await runCommand(['config', 'show', '--json'], { cwd: directory, env });
    expect(code).toBe(0);
    const { file, settings, connection, running } = JSON.parse(stdout);
    expect(file).toBe(join(directory, 'sidecar.config.json'));
    expect(settings).toEqual(
      expect.arrayContaining([
        { name: 'port', value: 4000, from: 'SIDECAR_PORT' },
        { name: 'maxAgents', value: 7, from: file },
        { name: 'dataDir', value: join(directory, 'state'), from: file },
        { name: 'project', value: directory, from: 'this git repository' },
        { name: 'logLevel', value: 'info', from: 'default' },
      ]),
    );
    expect({ connection, running }).toEqual({ connection: null, running: null });
    expect(stderr).toContain('SIDECAR_PROT is no setting; did you mean SIDECAR_PORT?');
  });

  it('prints the schema that editors use', async () => {
    const { code, stdout } = await runCommand(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      additionalProperties: false,
      properties: { port: { type: 'integer', minimum: 0, maximum: 65_535, default: 3001 } },
    });
  });
});

describe('sidecar serve', () => {
  it('takes its settings from sidecar.config.ts, and the other commands find it by that', async () => {
    writeFileSync(
      join(directory, 'sidecar.config.ts'),
      "const dataDir: string = 'state';\nexport default { dataDir, port: 0, logLevel: 'silent' };\n",
    );
    await using server = new RunningCommand(['serve'], { cwd: directory });
    await server.prints(/ready/);
    const health = await runCommand(['health', '--json'], { cwd: directory });
    expect({ code: health.code, health: JSON.parse(health.stdout) }).toMatchObject({
      code: 0,
      health: { status: 'healthy' },
    });
    const [, url = ''] = await server.prints(/ready on (\S+)$/m);
    const shown = await runInProcess(['config', 'show'], { cwd: directory });
    expect(shown.stdout).toMatch(/^port +0 /m);
    expect(shown.stdout).toContain(`The sidecar that runs on ${join(directory, 'state')} listens on ${url}.`);
    const { code, stderr } = await server.stop('SIGTERM');
    expect(code).toBe(0);
    expect(stderr).toContain(`Settings from ${join(directory, 'sidecar.config.ts')}`);
  });

  it('refuses a key that is no setting with 2 and names the closest, before anything is created', async () => {
    writeFileSync(join(directory, 'sidecar.config.json'), JSON.stringify({ dataDir: 'state', prot: 1, maxAgents: 0 }));
    const { code, stderr } = await runCommand(['serve'], { cwd: directory });
    expect(code).toBe(2);
    expect(stderr).toContain('there is no setting "prot"; did you mean port?');
    expect(stderr).toContain('maxAgents: 0 is not a whole number from 1 to 10000');
    expect(stderr).toContain('sidecar config show');
  });
});
