import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../../telemetry/logger.ts';

/** Where certificate and key lie. */
export interface TlsPaths {
  /** PEM: the certificate, then those between it and its root. */
  readonly certPath: string;
  /** PEM: its private key, not encrypted. */
  readonly keyPath: string;
}

/** Certificate and key as TLS takes them, with the oldest version that is spoken (specification "HTTPS support"). */
export interface TlsCredentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.3';
}

/** How long after the last change the files are read: both are seldom written at the same moment. */
const SETTLE_MS = 200;

/** Certificate and key of the sidecar, read again when they change. */
export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #logger: Logger;
  readonly #watchers: FSWatcher[];
  #credentials: TlsCredentials;
  #timer: NodeJS.Timeout | undefined;
  #onChange: ((credentials: TlsCredentials) => void) | undefined;

  private constructor(paths: TlsPaths, logger: Logger) {
    this.#paths = paths;
    this.#logger = logger;
    this.#credentials = read(paths);
    const names = new Set([basename(paths.certPath), basename(paths.keyPath)]);
    // The folders, for a file that is replaced would be lost from sight. Certificate tools replace symbolic links.
    const folders = new Set([dirname(paths.certPath), dirname(paths.keyPath)]);
    this.#watchers = [...folders].map((folder) =>
      watch(folder, { persistent: false }, (_kind, name) => {
        if (name === null || names.has(name) || name.startsWith('..')) this.#schedule();
      }).on('error', (cause) => logger.warn({ err: cause }, 'TLS files are no longer watched')),
    );
  }

  /**
   * Reads the files and begins to watch them.
   * @throws when one cannot be read, or they do not belong together.
   */
  static open(paths: TlsPaths, logger: Logger): TlsFiles {
    return new TlsFiles(paths, logger);
  }

  /** What to speak TLS with now. */
  get credentials(): TlsCredentials {
    return this.#credentials;
  }

  /** Tells of other credentials. Connections that are open keep those they were opened with. */
  onChange(told: (credentials: TlsCredentials) => void): void {
    this.#onChange = told;
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reload(), SETTLE_MS).unref();
  }

  #reload(): void {
    try {
      const next = read(this.#paths);
      if (next.cert.equals(this.#credentials.cert) && next.key.equals(this.#credentials.key)) return;
      this.#credentials = next;
      this.#onChange?.(next);
      const { validTo, fingerprint256 } = new X509Certificate(next.cert);
      this.#logger.info({ valid_to: validTo, fingerprint: fingerprint256 }, 'another TLS certificate is in use');
    } catch (cause) {
      this.#logger.warn({ err: cause }, 'the TLS files changed and cannot be used; the earlier ones stay in use');
    }
  }
}

function read({ certPath, keyPath }: TlsPaths): TlsCredentials {
  const cert = readFileSync(certPath);
  const key = readFileSync(keyPath);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`the key ${keyPath} is not that of the certificate ${certPath}`);
  }
  createSecureContext({ cert, key });
  return { cert, key, minVersion: 'TLSv1.3' };
}
