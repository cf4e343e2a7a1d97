import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { root } from './places.mjs';

/** Where the report is kept. */
export const API_REPORT = 'packages/sdk/api-report.md';

/**
 * Everything that a user of the SDK can name, as its built declarations say it, without comments: a change of the
 * public surface is a change of this text. The SDK must have been built.
 */
export async function apiReport(): Promise<string> {
  const dist = join(root, 'packages/sdk/dist');
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.d.ts'));
  const parts = files.toSorted().map((file) => `## ${file}\n\n\`\`\`ts\n${declarations(join(dist, file))}\n\`\`\`\n`);
  const text = `# Public surface of @orchestration-sidecar/sdk\n\nMade by \`npm run generate\`.\n\n${parts.join('\n')}`;
  return (await format('api-report.md', text, { printWidth: 120, singleQuote: true })).code;
}

function declarations(file: string): string {
  return readFileSync(file, 'utf8')
    .replaceAll(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/\n\s*\n/g, '\n')
    .trim();
}
