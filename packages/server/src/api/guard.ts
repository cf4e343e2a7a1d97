import { isIP } from 'node:net';
import { SidecarError } from '@orchestration-sidecar/shared';

/** What the guard lets through besides loopback names. */
export interface GuardOptions {
  /** Address that the sidecar listens on. */
  readonly host: string;
  /** Further names that callers on other machines know this one by. */
  readonly allowedHosts: readonly string[];
  /** Origins that pages may call from. */
  readonly allowedOrigins: readonly string[];
  /** Whether the sidecar speaks TLS, which is part of its own origin. */
  readonly secure: boolean;
}

/** A request or upgrade as far as the guard looks at it. */
export interface Incoming {
  /** Request target as it came. */
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

/**
 * A port on localhost is reachable by every web page the user visits. Checking `Host` defeats DNS rebinding,
 * checking `Origin` and `Sec-Fetch-Site` defeats cross-site requests and WebSockets (DECISIONS 27; RFC 6454; W3C "Fetch
 * Metadata Request Headers"). `X-Forwarded-*` and `Forwarded` are never looked at.
 */
export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #anyAddress: boolean;
  readonly #origins: ReadonlySet<string>;
  readonly #scheme: string;

  constructor({ host, allowedHosts, allowedOrigins, secure }: GuardOptions) {
    const own = bracketed(host);
    this.#anyAddress = WILDCARDS.has(own);
    this.#hosts = new Set([
      ...LOOPBACK_NAMES,
      ...[own, ...allowedHosts.map(bracketed)].filter((it) => !WILDCARDS.has(it)),
    ]);
    this.#origins = new Set(allowedOrigins);
    this.#scheme = secure ? 'https' : 'http';
  }

  /**
   * Checks a request or upgrade. Header fields that came twice must have been joined, so that they fit nothing.
   * @throws {SidecarError} `HOST_FORBIDDEN`.
   */
  check({ url, headers }: Incoming): void {
    // RFC 9112, section 3.2.2: a target in absolute form would count instead of `Host`. Nobody needs one here.
    if (url !== undefined && !url.startsWith('/') && url !== '*') {
      throw new SidecarError('HOST_FORBIDDEN', 'The request target must be a path.');
    }
    const authority = headers[':authority'];
    const host = hostIn(headers);
    if (typeof host !== 'string' || !this.#isOurs(host) || (authority !== undefined && !this.#isOurs(authority))) {
      throw new SidecarError('HOST_FORBIDDEN', 'The Host header names another machine.');
    }
    const { origin } = headers;
    if (origin === undefined) {
      if (headers['sec-fetch-site'] !== undefined) mustNotBeCrossSite(headers);
    } else if (!this.allowsOrigin(origin) && origin !== this.originOf(headers)) {
      throw new SidecarError('HOST_FORBIDDEN', 'The Origin is not allowed.');
    }
  }

  /** Our own origin as a request names it, which has been checked. */
  originOf(headers: Incoming['headers']): string {
    return `${this.#scheme}://${String(hostIn(headers))}`;
  }

  /** Whether pages of an origin were allowed by configuration. */
  allowsOrigin(origin: Incoming['headers'][string]): boolean {
    return typeof origin === 'string' && this.#origins.has(origin);
  }

  #isOurs(host: Incoming['headers'][string]): boolean {
    if (typeof host !== 'string') return false;
    const name = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
    if (name === undefined) return false;
    // Whoever listens on every address does not know them all. One without a name cannot be rebound by DNS.
    return (
      this.#hosts.has(name) || (this.#anyAddress && !WILDCARDS.has(name) && isIP(name.replace(/^\[|\]$/g, '')) !== 0)
    );
  }
}

function hostIn(headers: Incoming['headers']): Incoming['headers'][string] {
  return headers['host'] ?? headers[':authority'];
}

/** A browser says where a request without `Origin` comes from. Following a link to us is the one thing another site may do. */
function mustNotBeCrossSite(headers: Incoming['headers']): void {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || site === 'none' || headers['sec-fetch-mode'] === 'navigate') return;
  throw new SidecarError('HOST_FORBIDDEN', 'The request comes from a page of another site.');
}

function bracketed(host: string): string {
  const name = host.toLowerCase();
  return name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
}
