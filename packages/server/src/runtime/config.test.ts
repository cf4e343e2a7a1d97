import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig, locateDataDir, SETTING_NAMES, settingOf, type ConfigFlags } from './config.ts';
import { faultOf } from './setting.ts';
import { flagOf, variableOf } from './settings.ts';

let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-config-')));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(path: string, text: string | object): string {
  const file = join(directory, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text));
  return file;
}

describe('where a setting comes from', () => {
  test('flags win over the environment, that over the file, that over the defaults', async () => {
    const file = write('sidecar.config.json', { port: 1, host: '::1', maxAgents: 7, logLevel: 'warn' });
    const environment = { SIDECAR_PORT: '2', SIDECAR_HOST: '127.0.0.2' };
    const { config, sources } = await loadConfig({ port: '3' }, environment, directory);
    expect(config).toMatchObject({ port: 3, host: '127.0.0.2', maxAgents: 7, logLevel: 'warn', maxQueuedAgents: 1000 });
    expect(sources).toMatchObject({
      port: '--port',
      host: 'SIDECAR_HOST',
      maxAgents: file,
      logLevel: file,
      maxQueuedAgents: 'default',
    });
  });

  test('an empty variable is no value', async () => {
    expect((await loadConfig({}, { SIDECAR_PORT: '' }, directory)).config.port).toBe(3001);
  });

  test('a limit of a project or type is that of all agents unless it is set', async () => {
    const { config } = await loadConfig({ maxAgents: 5, maxAgentsPerType: 2 }, {}, directory);
    expect(config).toMatchObject({ maxAgents: 5, maxAgentsPerProject: 5, maxAgentsPerType: 2 });
  });

  test('relative paths start where they were said', async () => {
    write('sidecar.config.json', { dataDir: 'state', profilesDir: '../mine' });
    const inside = join(directory, 'inside');
    mkdirSync(inside);
    mkdirSync(join(directory, '.git'));
    const { config } = await loadConfig({ project: '.' }, {}, inside);
    expect(config).toMatchObject({
      dataDir: join(directory, 'state'),
      profilesDir: join(directory, '..', 'mine'),
      project: inside,
    });
    expect(await locateDataDir(undefined, {}, inside)).toBe(join(directory, 'state'));
    expect(await locateDataDir('here', {}, inside)).toBe(join(inside, 'here'));
  });

  test('durable data lies where the user’s state lies', async () => {
    const dataDir = async (environment: Record<string, string>): Promise<string> => {
      const { config } = await loadConfig({}, environment, directory);
      expect(await locateDataDir(undefined, environment, directory)).toBe(config.dataDir);
      return config.dataDir;
    };
    expect(await dataDir({ HOME: '/home/me' })).toBe('/home/me/.local/state/orchestration-sidecar');
    expect(await dataDir({ HOME: '/home/me', XDG_STATE_HOME: '/state' })).toBe('/state/orchestration-sidecar');
    expect(await dataDir({ HOME: '/home/me', XDG_STATE_HOME: 'relative' })).toBe(
      '/home/me/.local/state/orchestration-sidecar',
    );
  });
});

describe('the configuration file', () => {
  test('may be TypeScript', async () => {
    const file = write('sidecar.config.ts', 'const port: number = 4000;\nexport default { port };\n');
    expect(await loadConfig({}, {}, directory)).toMatchObject({ config: { port: 4000 }, file });
  });

  test('is the nearest one up to the root of the repository, else the user’s own', async () => {
    mkdirSync(join(directory, 'repository', '.git'), { recursive: true });
    const inside = join(directory, 'repository', 'packages', 'a');
    mkdirSync(inside, { recursive: true });
    write('sidecar.config.json', { port: 1 });
    const environment = { HOME: directory };
    const portOf = async (): Promise<number> => (await loadConfig({}, environment, inside)).config.port;
    expect(await portOf()).toBe(3001);
    write('.config/orchestration-sidecar/sidecar.config.json', { port: 2 });
    expect(await portOf()).toBe(2);
    write('repository/sidecar.config.json', { port: 3 });
    expect(await portOf()).toBe(3);
    write('repository/packages/sidecar.config.json', { port: 4 });
    expect(await portOf()).toBe(4);
  });

  test('is the one that is named', async () => {
    write('sidecar.config.json', { port: 1 });
    write('other.json', { port: 2 });
    expect((await loadConfig({}, { SIDECAR_CONFIG: 'other.json' }, directory)).config.port).toBe(2);
    write('third.json', { port: 3 });
    const options = { configFile: 'third.json' };
    expect((await loadConfig({}, { SIDECAR_CONFIG: 'other.json' }, directory, options)).config.port).toBe(3);
  });

  test.each([
    ['{', /sidecar\.config\.json cannot be read/],
    ['[]', /holds no object/],
    ['{"prot":1}', /there is no setting "prot"; did you mean port\?/],
    ['{"max_agents":1}', /there is no setting "max_agents"; did you mean maxAgents\?/],
    ['{"zebra":1}', /there is no setting "zebra"\.$/],
    ['{"port":"1"}', /^port: "1" is not a whole number from 0 to 65535 \(\/.*sidecar\.config\.json\)\.$/],
    ['{"allowedOrigins":["example.org"]}', /^allowedOrigins: .* is not a list, each an origin/],
  ])('%s is refused in words', async (text, message) => {
    write('sidecar.config.json', text);
    await expect(loadConfig({}, {}, directory)).rejects.toThrow(message);
  });

  test('two side by side, or a named one that is missing, are refused', async () => {
    await expect(loadConfig({}, { SIDECAR_CONFIG: 'none.json' }, directory)).rejects.toThrow(
      /none\.json cannot be read/,
    );
    write('sidecar.config.json', {});
    write('sidecar.config.ts', 'export default {};');
    await expect(loadConfig({}, {}, directory)).rejects.toThrow(/lie side by side/);
  });

  test('every fault is told at once', async () => {
    write('sidecar.config.json', { prot: 1, port: -1 });
    const refused = loadConfig({ logLevel: 'loud' }, { SIDECAR_MAX_AGENTS: '0' }, directory);
    await expect(refused).rejects.toMatchObject({
      name: 'ConfigError',
      faults: [
        expect.stringContaining('"prot"'),
        expect.stringMatching(/^port: -1 .*sidecar\.config\.json/),
        expect.stringMatching(/^maxAgents: 0 .*\(SIDECAR_MAX_AGENTS\)/),
        expect.stringMatching(/^logLevel: "loud" is not one of silent, .*\(--log-level\)/),
      ],
    });
  });
});

test('a variable with our prefix that is no setting is a warning with a suggestion', async () => {
  const environment = { SIDECAR_PROT: '1', SIDECAR_URL: 'http://127.0.0.1:1', OTHER: '1' };
  const { warnings } = await loadConfig({}, environment, directory);
  expect(warnings).toEqual(['The variable SIDECAR_PROT is no setting; did you mean SIDECAR_PORT?']);
});

describe('the table', () => {
  test.each(SETTING_NAMES)('%s has a default within its own bounds, and names of its own', (name) => {
    const setting = settingOf(name);
    const isDerived =
      typeof setting.default === 'object' && setting.default !== null && !Array.isArray(setting.default);
    expect(isDerived ? undefined : faultOf(setting, setting.default)).toBeUndefined();
    expect(setting.summary).toMatch(/^[A-Z].*\.$/);
    expect(SETTING_NAMES.filter((other) => flagOf(other) === flagOf(name))).toEqual([name]);
    expect(SETTING_NAMES.filter((other) => variableOf(other) === variableOf(name))).toEqual([name]);
  });
});

describe('settings beside one another', () => {
  const conflict = (flags: ConfigFlags) =>
    loadConfig(flags, {}, directory).then(
      () => 'fine',
      (cause: Error) => cause.message,
    );

  test('an address that other machines reach wants TLS, or that somebody accepts that there is none', async () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.7', 'build.lan', '127.0.0.1.evil.example']) {
      expect(await conflict({ host })).toContain('in the clear');
      expect(await conflict({ host, allowPlaintext: true })).toBe('fine');
      expect(await conflict({ host, tlsCert: 'cert.pem', tlsKey: 'key.pem' })).toBe('fine');
    }
    for (const host of ['localhost', '127.0.0.1', '127.8.0.1', '::1']) expect(await conflict({ host })).toBe('fine');
  });

  test('half of TLS is none', async () => {
    expect(await conflict({ tlsCert: 'cert.pem' })).toContain('tlsKey: ');
    expect(await conflict({ tlsKey: 'key.pem' })).toContain('tlsCert: ');
    expect(await conflict({ tlsCa: 'ca.pem' })).toContain('tlsCa: ');
  });
});
