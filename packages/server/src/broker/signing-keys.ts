import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exportJWK, type JWK } from 'jose';
import type { Clock } from '../runtime/clock.ts';
import { createSecretFile, readSecretFile, replaceSecretFile } from '../storage/secret-file.ts';

/** One RSA key pair; `kid` is the hash of its public key. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** When it took its part: for the active key its making, for a former one the rotation. */
  readonly sinceMs: number;
}

/** Public keys as published at `/.well-known/jwks.json` (RFC 7517). */
export interface JsonWebKeySet {
  readonly keys: readonly JWK[];
}

/** What the keys need. */
export interface SigningKeysNeeds {
  readonly clock: Clock;
  /** How long a former key still verifies: as long as the last token it signed. In milliseconds. */
  readonly overlapMs: number;
}

const ACTIVE = 'active.pem';
const SUFFIX = '.pem';
const generate = promisify(generateKeyPair);

/**
 * The keys of the sidecar, RSA 2,048 bits, PKCS#8 in `keys/` with mode 0600 (DECISIONS 17). `active.pem` signs; a
 * former one stays beside it as `<kid>.pem` and verifies until the last token it signed has expired. A file’s time says
 * since when its key has had its part.
 */
export class SigningKeys {
  readonly #directory: string;
  readonly #needs: SigningKeysNeeds;
  #active: SigningKey;
  #former: readonly SigningKey[];
  #rotating: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, needs: SigningKeysNeeds, active: SigningKey, former: readonly SigningKey[]) {
    this.#directory = directory;
    this.#needs = needs;
    this.#active = active;
    this.#former = former;
  }

  /**
   * Reads the keys of a directory; makes the first one where there is none.
   * @throws {SecretFileError} when others could have read a key.
   */
  static async open(directory: string, needs: SigningKeysNeeds): Promise<SigningKeys> {
    const path = join(directory, ACTIVE);
    let active = read(path);
    if (active === undefined) {
      createSecretFile(path, await newKey(), needs.clock.nowMs());
      active = read(path);
    }
    if (active === undefined) throw new TypeError(`${path} was removed while it was opened`);
    const { kid } = active;
    const former = readdirSync(directory)
      .filter((name) => name.endsWith(SUFFIX) && name !== ACTIVE)
      .flatMap((name) => read(join(directory, name)) ?? [])
      // A rotation that was cut short leaves the key in both places.
      .filter((key) => key.kid !== kid);
    const keys = new SigningKeys(directory, needs, active, former);
    keys.forgetFormer();
    return keys;
  }

  /** The key that signs. */
  get active(): SigningKey {
    return this.#active;
  }

  /** Keys that no longer sign but still verify, the newest first, and until when. */
  get former(): readonly { readonly kid: string; readonly verifiesUntilMs: number }[] {
    return this.#living().map(({ kid, sinceMs }) => ({ kid, verifiesUntilMs: sinceMs + this.#needs.overlapMs }));
  }

  /** The key of an id, when it is one of ours that still verifies. */
  find(kid: string | undefined): SigningKey | undefined {
    return this.#active.kid === kid ? this.#active : this.#living().find((key) => key.kid === kid);
  }

  /**
   * Lets a new key sign from now on. The one before verifies on, unless it is said to have leaked: then nothing that
   * any earlier key signed is taken any more.
   */
  rotate({ leaked }: { readonly leaked: boolean }): Promise<SigningKey> {
    const rotated = this.#rotating.then(() => this.#rotate(leaked));
    this.#rotating = rotated.catch(() => undefined);
    return rotated;
  }

  /** Removes former keys that no longer verify. */
  forgetFormer(): void {
    const living = this.#living();
    for (const key of this.#former) if (!living.includes(key)) this.#remove(key);
    this.#former = living;
  }

  /** The public keys. */
  async jwks(): Promise<JsonWebKeySet> {
    const keys = [this.#active, ...this.#living()].map(async ({ kid, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg: 'RS256',
      use: 'sig',
    }));
    return { keys: await Promise.all(keys) };
  }

  async #rotate(leaked: boolean): Promise<SigningKey> {
    const next = await newKey();
    const nowMs = this.#needs.clock.nowMs();
    const former = this.#active;
    // Before it is replaced: a crash in between leaves it in both places, never in none.
    if (!leaked) replaceSecretFile(this.#fileOf(former), pemOf(former.privateKey), nowMs);
    replaceSecretFile(join(this.#directory, ACTIVE), next, nowMs);
    this.#active = keyOf(next, nowMs);
    if (leaked) {
      for (const key of this.#former) this.#remove(key);
      this.#former = [];
    } else {
      this.#former = [{ ...former, sinceMs: nowMs }, ...this.#living()];
    }
    return this.#active;
  }

  #living(): readonly SigningKey[] {
    const { clock, overlapMs } = this.#needs;
    const nowMs = clock.nowMs();
    return this.#former.filter(({ sinceMs }) => sinceMs + overlapMs > nowMs);
  }

  #fileOf({ kid }: SigningKey): string {
    return join(this.#directory, `${kid}${SUFFIX}`);
  }

  #remove(key: SigningKey): void {
    rmSync(this.#fileOf(key), { force: true });
  }
}

async function newKey(): Promise<string> {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 });
  return pemOf(privateKey);
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

function read(path: string): SigningKey | undefined {
  const secret = readSecretFile(path);
  return secret && keyOf(secret.content, secret.writtenAtMs);
}

function keyOf(pem: string | Buffer, sinceMs: number): SigningKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const kid = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
    .slice(0, 22);
  return { kid, privateKey, publicKey, sinceMs };
}
