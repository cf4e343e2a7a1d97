import { HANDSHAKE_TIMEOUT_MS } from './platform.ts';

/** How long a peer that does not answer the closing handshake is waited for. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * The WebSocket of `ws`, which, unlike Node’s own, can be told how long to wait for a silent peer, whom to trust and to
 * take a Unix socket. Optional: undefined when it is not installed.
 */
export async function wsWebSocket(
  route: { readonly socketPath?: string | undefined; readonly ca?: readonly string[] | undefined } = {},
): Promise<typeof WebSocket | undefined> {
  const { socketPath, ca } = route;
  try {
    const { WebSocket: WsWebSocket } = await import('ws');
    const options = {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      perMessageDeflate: false,
      ...(ca && { ca: [...ca] }),
    };
    const bounded: unknown = class extends WsWebSocket {
      constructor(url: string | URL) {
        super(socketPath === undefined ? url : overUnixSocket(socketPath, new URL(url)), options);
      }
    };
    return isWebSocketClass(bounded) ? bounded : undefined;
  } catch {
    return undefined;
  }
}

function overUnixSocket(socketPath: string, { pathname, search }: URL): string {
  return `ws+unix:${socketPath}:${pathname}${search}`;
}

/** `ws` speaks the browser’s interface, but its types do not say so. */
function isWebSocketClass(value: unknown): value is typeof WebSocket {
  return typeof value === 'function' && 'OPEN' in value && typeof value.prototype === 'object';
}
