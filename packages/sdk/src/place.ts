import { readSidecarUrl, type SidecarAddress } from './sidecar-url.ts';

/**
 * Where the sidecar is. One that was started again may listen on another port; it says where in its own file, which
 * only its user can read.
 */
export class Place {
  readonly #read: () => Promise<string | undefined>;
  #address: SidecarAddress;

  /** @param read answers the text of the sidecar’s file; undefined: there is none. */
  constructor(address: SidecarAddress, read: () => Promise<string | undefined>) {
    this.#address = address;
    this.#read = read;
  }

  /** The address as it was last known. */
  get address(): SidecarAddress {
    return this.#address;
  }

  /** Looks again. A file that is not there or cannot be read changes nothing. */
  async look(): Promise<SidecarAddress> {
    try {
      const said: unknown = JSON.parse((await this.#read()) ?? '');
      if (typeof said === 'object' && said !== null && 'url' in said && typeof said.url === 'string') {
        this.#address = readSidecarUrl(said.url);
      }
    } catch {
      // Being written, or gone with its sidecar: the address known stays the best guess.
    }
    return this.#address;
  }
}
