/** A folder that only its owner can read. */
export interface Folder {
  /** Files in it; none when it is not there. */
  list(): Promise<readonly { readonly name: string; readonly bytes: number }[]>;
  /** Text of a file; undefined when there is none. */
  read(name: string): Promise<string | undefined>;
  /** Adds a file in one step; false when the name is taken. */
  add(name: string, text: string): Promise<boolean>;
  /** Renames a file; one that is gone already changes nothing. */
  rename(name: string, to: string): Promise<void>;
  /** Removes a file; one that is gone already changes nothing. */
  remove(name: string): Promise<void>;
}

/** Another way to a sidecar than the runtime’s own connections. */
export interface Route {
  /** Unix socket to connect to, whatever host the URL names. */
  readonly socketPath: string | undefined;
  /** Certificates (PEM) to trust besides the well-known ones; undefined: none. */
  readonly ca: () => Promise<string | undefined>;
}

/** What connections are made with. */
export interface Connections {
  readonly fetch: typeof globalThis.fetch;
  readonly webSocket: () => Promise<typeof WebSocket | undefined>;
}

/** What differs between the places the client runs in. Chosen by the `imports` of package.json. */
export interface Platform {
  /** The WebSocket to use; undefined where there is none. */
  readonly webSocket: () => Promise<typeof WebSocket | undefined>;
  /** Connections over a route; undefined where there is no choice of one. */
  readonly connectOver: (route: Route) => Connections | undefined;
  /** Reads a text file; undefined when it cannot be read. */
  readonly readText: (path: string) => Promise<string | undefined>;
  /** Replaces a text file that only its owner may read, in one step. */
  readonly writeSecret: (path: string, text: string) => Promise<void>;
  /** Opens a folder, which is made when something is added; undefined where there are no files. */
  readonly openFolder: (path: string) => Folder | undefined;
}

/** Longest wait for a connection to be established. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The built-in WebSocket, made to give up on a server that accepts the connection and then says nothing. */
export function builtInWebSocket(): typeof WebSocket | undefined {
  if (typeof globalThis.WebSocket === 'undefined') return undefined;
  return class extends globalThis.WebSocket {
    constructor(url: string | URL) {
      super(url);
      const timer = setTimeout(() => this.close(), HANDSHAKE_TIMEOUT_MS);
      this.addEventListener('open', () => clearTimeout(timer));
      this.addEventListener('close', () => clearTimeout(timer));
    }
  };
}
