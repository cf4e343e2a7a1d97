import { readFile } from 'node:fs/promises';
import { createSidecarClient } from '../client.ts';
import { runScript, type Script } from './script.ts';

// The program of a scripted agent: does what the file that it is given says.
const script = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Script;
const client = createSidecarClient();
try {
  await runScript(client.agent(), script);
} finally {
  client.close();
}
