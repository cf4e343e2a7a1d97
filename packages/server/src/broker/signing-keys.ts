import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exportJWK, type JWK } from 'jose';

/** One RSA key pair; `kid` is the hash of its public key. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Public keys as published at `/.well-known/jwks.json` (RFC 7517). */
export interface JsonWebKeySet {
  readonly keys: readonly JWK[];
}

const ACTIVE = 'active.pem';
const generate = promisify(generateKeyPair);

/**
 * The keys of the sidecar, RSA 2,048 bits, PKCS#8 in `keys/` with mode 0600 (DECISIONS 17). `active.pem` signs; any
 * further `.pem` beside it still verifies, so that keys can rotate with overlap.
 */
export class SigningKeys {
  readonly active: SigningKey;
  readonly #byId: ReadonlyMap<string, SigningKey>;

  private constructor(active: SigningKey, all: readonly SigningKey[]) {
    this.active = active;
    this.#byId = new Map(all.map((key) => [key.kid, key]));
  }

  /** Reads the keys of a directory; makes the first one where there is none. */
  static async open(directory: string): Promise<SigningKeys> {
    const path = join(directory, ACTIVE);
    if (!existsSync(path)) await create(path);
    const active = read(path);
    const older = readdirSync(directory)
      .filter((name) => name.endsWith('.pem') && name !== ACTIVE)
      .map((name) => read(join(directory, name)));
    return new SigningKeys(active, [active, ...older]);
  }

  /** The key of an id, when it is one of ours. */
  find(kid: string | undefined): SigningKey | undefined {
    return kid === undefined ? undefined : this.#byId.get(kid);
  }

  /** The public keys. */
  async jwks(): Promise<JsonWebKeySet> {
    const keys = [...this.#byId.values()].map(async ({ kid, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg: 'RS256',
      use: 'sig',
    }));
    return { keys: await Promise.all(keys) };
  }
}

/** Written under another name and linked into place: whoever comes second keeps the first one’s key. */
async function create(path: string): Promise<void> {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 });
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  try {
    linkSync(temporary, path);
  } catch (cause) {
    if (!existsSync(path)) throw cause;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function read(path: string): SigningKey {
  const privateKey = createPrivateKey(readFileSync(path));
  const publicKey = createPublicKey(privateKey);
  const kid = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
    .slice(0, 22);
  return { kid, privateKey, publicKey };
}
