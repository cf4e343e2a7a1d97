import type { ContextRequirement } from '@orchestration-sidecar/shared';
import { describe, expect, it } from 'vitest';
import { fileKind } from './file-kind.ts';
import { groundsOf } from './select.ts';

describe('fileKind', () => {
  it.each([
    '.env',
    'app/.env.production',
    'id_rsa',
    'deploy/server.key',
    '.netrc',
    'certs/a.pem',
    'config/credentials.json',
    '.aws/config',
    'secrets.yaml',
    '.npmrc',
  ])('withholds %s as a secret', (path) => {
    expect(fileKind(path).withheld).toBe('secret');
  });

  it.each([
    '.env.example',
    'src/secrets.py',
    'id_rsa.pub',
    'src/env.ts',
    'docs/credentials.md',
    'src/keys.go',
    'package.json',
  ])('shows %s', (path) => {
    expect(fileKind(path).withheld).toBeNull();
  });

  it.each([
    ['yarn.lock', 'generated'],
    ['api/service.pb.go', 'generated'],
    ['static/app.min.js', 'generated'],
    ['logo.png', 'binary'],
    ['lib/x.so', 'binary'],
  ])('only lists %s', (path, withheld) => {
    expect(fileKind(path).withheld).toBe(withheld);
  });

  it.each(['t/basic.t', 'src/Shop.Cart.Tests/CartSpec.cs', 'gnulib-tests/init.c', 'base/list_unittest.cc'])(
    'takes %s for a test',
    (path) => {
      expect(fileKind(path).roles).toContain('test');
    },
  );

  it.each<[ContextRequirement, string, string]>([
    ['test_files', 'src/login.test.ts', 'src/login.ts'],
    ['dependency_manifests', 'Cargo.toml', 'src/main.rs'],
    ['security_files', 'src/auth/token.py', 'src/color.py'],
    ['ci_files', '.github/workflows/ci.yml', 'src/ci.ts'],
    ['infrastructure_files', 'deploy/k8s/app.yaml', 'src/app.ts'],
    ['readme_files', 'packages/a/README.md', 'docs/guide.md'],
    ['documentation', 'docs/guide.md', 'src/guide.ts'],
    ['api_specifications', 'api/openapi.yaml', 'src/api.ts'],
    ['design_documents', 'docs/adr/0001-use-sqlite.md', 'src/design.ts'],
    ['coding_standards', '.editorconfig', 'src/style.ts'],
    ['coverage_reports', 'coverage/lcov.info', 'src/cover.ts'],
    ['config_files', 'config/app.toml', 'src/app.py'],
  ])('%s asks for %s and not for %s', (requirement, inside, outside) => {
    const grounds = (path: string): string[] =>
      groundsOf(fileKind(path), new Set([requirement]), { relevant: false, recent: false });
    expect(grounds(inside)).toEqual([requirement]);
    expect(grounds(outside)).toEqual([]);
  });

  it('knows no language of files that are named like what every object has', () => {
    for (const path of ['src/constructor', 'a.constructor', '__proto__']) expect(fileKind(path).language).toBeNull();
  });

  it('brings tests with the module they test, and all of them to those who work on tests', () => {
    const test = fileKind('tests/test_colors.py');
    const coding = new Set<ContextRequirement>(['relevant_files', 'test_files']);
    const quality = new Set<ContextRequirement>(['relevant_files', 'test_files', 'coverage_reports']);
    const away = { relevant: false, recent: false };
    expect(groundsOf(test, coding, away)).toEqual([]);
    expect(groundsOf(test, coding, { ...away, relevant: true })).toEqual(['relevant_files', 'test_files']);
    expect(groundsOf(test, quality, away)).toEqual(['test_files']);
  });
});
