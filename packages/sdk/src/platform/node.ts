import { open, readFile, rename, rm } from 'node:fs/promises';
import { openFolder } from './node-folder.ts';
import { builtInWebSocket, HANDSHAKE_TIMEOUT_MS, type Platform } from './platform.ts';

/** How long a peer that does not answer the closing handshake is waited for. */
const CLOSE_TIMEOUT_MS = 1000;

/** Node, Bun and Deno. */
export const platform: Platform = {
  webSocket: async () => (await wsWebSocket()) ?? builtInWebSocket(),
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

/**
 * The WebSocket of `ws`, which, unlike Node’s own, can be told how long to wait for a silent peer. Optional: undefined
 * when it is not installed.
 */
async function wsWebSocket(): Promise<typeof WebSocket | undefined> {
  try {
    const { WebSocket: WsWebSocket } = await import('ws');
    const options = {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      perMessageDeflate: false,
    };
    const bounded: unknown = class extends WsWebSocket {
      constructor(url: string | URL) {
        super(url, options);
      }
    };
    return isWebSocketClass(bounded) ? bounded : undefined;
  } catch {
    return undefined;
  }
}

/** `ws` speaks the browser’s interface, but its types do not say so. */
function isWebSocketClass(value: unknown): value is typeof WebSocket {
  return typeof value === 'function' && 'OPEN' in value && typeof value.prototype === 'object';
}
