import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { definitionSchemas } from '../packages/shared/src/definition-schemas.ts';

/**
 * Writes the JSON Schemas that profile and workflow files refer to:
 * `node --conditions=@orchestration-sidecar/source scripts/generate-schemas.ts`
 */
const directory = join(import.meta.dirname, '..', 'profiles', 'schemas');
mkdirSync(directory, { recursive: true });
for (const [name, schema] of Object.entries(definitionSchemas())) {
  const { code } = await format(name, JSON.stringify(schema, null, 2), { printWidth: 120 });
  writeFileSync(join(directory, name), code);
  console.log(`profiles/schemas/${name}`);
}
