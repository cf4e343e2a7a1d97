import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { API_REPORT, apiReport } from './api-report.ts';
import { buildPackages } from './build-packages.ts';
import { root } from './places.mjs';
import { referenceDocuments } from './reference-documents.ts';

// Writes everything that is made from the code and kept equal to it by tests: `npm run generate`.
await import('./generate-schemas.ts');
buildPackages(['shared', 'sdk']);
const documents = { ...(await referenceDocuments()), [API_REPORT]: await apiReport() };
for (const [path, text] of Object.entries(documents)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  console.log(path);
}
