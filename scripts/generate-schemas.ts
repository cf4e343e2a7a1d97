import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format } from 'oxfmt';
import { configSchema } from '../packages/server/src/runtime/config.ts';
import { definitionSchemas } from '../packages/shared/src/definition-schemas.ts';

/**
 * Writes the JSON Schemas that profile, workflow and configuration files refer to:
 * `node --conditions=@orchestration-sidecar/source scripts/generate-schemas.ts`
 */
const root = join(import.meta.dirname, '..');
const schemas: Record<string, object> = { 'packages/server/sidecar.config.schema.json': configSchema() };
for (const [name, schema] of Object.entries(definitionSchemas())) schemas[`profiles/schemas/${name}`] = schema;
for (const [path, schema] of Object.entries(schemas)) {
  const { code } = await format(path, JSON.stringify(schema, null, 2), { printWidth: 120 });
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), code);
  console.log(path);
}
