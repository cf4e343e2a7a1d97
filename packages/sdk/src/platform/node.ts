import { open, readFile, rename, rm } from 'node:fs/promises';
import { openFolder } from './node-folder.ts';
import { connectOver } from './node-connections.ts';
import { builtInWebSocket, type Platform } from './platform.ts';
import { wsWebSocket } from './ws-web-socket.ts';

/** Node, Bun and Deno. */
export const platform: Platform = {
  webSocket: async () => (await wsWebSocket()) ?? builtInWebSocket(),
  connectOver,
  async readText(path) {
    try {
      return await readFile(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  openFolder,
  async writeSecret(path, text) {
    const temporary = `${path}.${crypto.randomUUID()}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(text);
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw cause;
    }
  },
};
