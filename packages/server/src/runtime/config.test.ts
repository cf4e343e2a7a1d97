import { expect, test } from 'vitest';
import { ConfigError, defaultDataDir, loadConfig } from './config.ts';

test('flags win over the environment, the environment over the defaults', () => {
  const environment = { SIDECAR_PORT: '4000', SIDECAR_HOST: '::1', SIDECAR_DATA_DIR: '/data', SIDECAR_PROJECT: 'repo' };
  expect(loadConfig({}, environment, '/home')).toMatchObject({
    host: '::1',
    port: 4000,
    dataDir: '/data',
    project: '/home/repo',
  });
  expect(loadConfig({ port: 0, dataDir: 'here' }, environment, '/home')).toMatchObject({
    port: 0,
    dataDir: '/home/here',
  });
  expect(loadConfig({}, { HOME: '/home/me' }, '/')).toMatchObject({ host: '127.0.0.1', port: 3001, project: null });
});

test('durable data lies where the user’s state lies', () => {
  expect(defaultDataDir({ HOME: '/home/me' })).toBe('/home/me/.local/state/orchestration-sidecar');
  expect(defaultDataDir({ HOME: '/home/me', XDG_STATE_HOME: '/state' })).toBe('/state/orchestration-sidecar');
  expect(defaultDataDir({ HOME: '/home/me', XDG_STATE_HOME: 'relative' })).toBe(
    '/home/me/.local/state/orchestration-sidecar',
  );
});

test.each([
  [{ port: -1 }, /^port: /],
  [{ port: 65_536 }, /^port: /],
  [{ logLevel: 'loud' }, /^logLevel: /],
])('%j cannot be used, and the error names it', (flags, message) => {
  expect(() => loadConfig(flags as object, {}, '/')).toThrow(ConfigError);
  expect(() => loadConfig(flags as object, {}, '/')).toThrow(message);
});
