import { SidecarError } from '@orchestration-sidecar/shared';

/** Where a sidecar listens unless told otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:3001';

/** The addresses of a sidecar’s doors. */
export interface SidecarAddress {
  /** Without a trailing slash and without `/api`. */
  readonly base: string;
  /** The tRPC door over HTTP. */
  readonly http: string;
  /** The tRPC door over WebSocket. */
  readonly webSocket: string;
}

/**
 * Reads the address of a sidecar. Agents are given the base of the REST routes, so a trailing `/api` is taken off.
 * @throws {SidecarError} `INPUT_INVALID` when it is not an http or https URL.
 */
export function readSidecarUrl(text: string): SidecarAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new SidecarError('INPUT_INVALID', 'url: the sidecar’s address must be an http or https URL');
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}`;
  return { base, http: `${base}/trpc`, webSocket: `${base.replace(/^http/, 'ws')}/trpc` };
}
