import { SidecarError } from '@orchestration-sidecar/shared';

/** What the guard lets through besides loopback names. */
export interface GuardOptions {
  /** Address that the sidecar listens on. */
  readonly host: string;
  /** Origins that pages may call from. */
  readonly allowedOrigins: readonly string[];
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/**
 * A port on localhost is reachable by every web page the user visits. Checking `Host` defeats DNS rebinding,
 * checking `Origin` defeats cross-site requests and WebSockets (DECISIONS 27; RFC 6454).
 */
export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  constructor(options: GuardOptions) {
    const own = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.#hosts = new Set([...LOOPBACK_NAMES, own]);
    this.#origins = new Set(options.allowedOrigins);
  }

  /**
   * Checks a request or upgrade.
   * @throws {SidecarError} `HOST_FORBIDDEN`.
   */
  check(headers: { readonly host?: string | undefined; readonly origin?: string | undefined }): void {
    const name = headers.host === undefined ? undefined : hostName(headers.host);
    if (name === undefined || !this.#hosts.has(name)) {
      throw new SidecarError('HOST_FORBIDDEN', 'The Host header names another machine.');
    }
    if (
      headers.origin !== undefined &&
      !this.allowsOrigin(headers.origin) &&
      !isSameOrigin(headers.origin, headers.host)
    ) {
      throw new SidecarError('HOST_FORBIDDEN', 'The Origin is not allowed.');
    }
  }

  /** Whether pages of an origin were allowed by configuration. */
  allowsOrigin(origin: string): boolean {
    return this.#origins.has(origin);
  }
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
}
