import type { Clock } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Scope } from '../runtime/scope.ts';
import type { Database } from '../storage/database.ts';
import type { Writer } from '../storage/writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { AuditLog } from './audit/audit-log.ts';
import type { AuditFiles } from './audit/restore-note.ts';
import { AuditStore } from './audit/audit-store.ts';
import { SigningKeys } from './signing-keys.ts';
import { TokenStore } from './token-store.ts';
import { KEY_OVERLAP_MS, Tokens } from './tokens.ts';

/** What identity needs. */
export interface IdentityNeeds {
  readonly database: Database;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Places of the keys and of the audit log’s own files. */
  readonly places: AuditFiles & { readonly keys: string };
}

/** Who somebody is, and the record of what they did. */
export interface Identity {
  readonly keys: SigningKeys;
  readonly tokens: Tokens;
  readonly audit: AuditLog;
}

/**
 * Opens the signing keys, the tokens they sign and the audit log.
 * @param scope closes the audit log.
 * @throws {SecretFileError} when others could have read a key.
 */
export async function openIdentity(
  { database, writer, clock, ids, logger, places }: IdentityNeeds,
  scope: Scope,
): Promise<Identity> {
  const keys = await SigningKeys.open(places.keys, { clock, overlapMs: KEY_OVERLAP_MS });
  const audit = await AuditLog.open({
    store: new AuditStore(database),
    writer,
    clock,
    logger,
    keyFile: places.auditKey,
    anchorFile: places.auditAnchor,
    restoredFile: places.auditRestored,
    secret: (bytes) => ids.secret(bytes),
  });
  scope.own('audit log', audit, (it) => it.close());
  const tokens = new Tokens({ store: new TokenStore(database), writer, keys, clock, ids, audit });
  return { keys, tokens, audit };
}
