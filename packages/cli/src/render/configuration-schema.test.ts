import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { configSchema } from '@orchestration-sidecar/server/config';

const root = join(import.meta.dirname, '..', '..', '..', '..');

it('the shipped schema of the configuration file is that of the table (scripts/generate-schemas.ts writes it)', () => {
  const shipped: unknown = JSON.parse(
    readFileSync(join(root, 'packages', 'server', 'sidecar.config.schema.json'), 'utf8'),
  );
  expect(shipped).toEqual(JSON.parse(JSON.stringify(configSchema())));
});
