import { rmSync } from 'node:fs';
import { z } from 'zod';
import { readSecretFile, replaceSecretFile } from '../../storage/secret-file.ts';
import { AuditChain, type ChainLink } from './audit-chain.ts';

/** Where the audit log keeps what it does not keep in the store. */
export interface AuditFiles {
  readonly auditKey: string;
  readonly auditAnchor: string;
  /** There from a restore until the next start. */
  readonly auditRestored: string;
}

/** What a restore did to the audit log. */
export interface Restoration {
  /** Newest record of the store that was put in place. */
  readonly head: ChainLink;
  /** In words: of which backup, and where what was there before lies. */
  readonly detail: string;
}

const Link = z.object({ sequence: z.int().nonnegative(), hash: z.string() });
const Note = z.object({ head: Link, anchored: Link, detail: z.string(), seal: z.string() });

/**
 * Notes that a restore put an older store in place, sealed with the audit key: records missing at the end were not
 * removed behind anyone’s back. Where there is no key to vouch with nothing is noted.
 */
export function noteRestoration(files: AuditFiles, { head, detail }: Restoration, nowMs: number): void {
  const key = readSecretFile(files.auditKey)?.content;
  const anchor = readSecretFile(files.auditAnchor)?.content.toString('utf8');
  if (!key || anchor === undefined) return;
  const chain = new AuditChain(key);
  const anchored = chain.unseal(anchor);
  if (!anchored) return;
  const seal = chain.sealRestoration({ head, anchored, detail });
  replaceSecretFile(files.auditRestored, `${JSON.stringify({ head, anchored, detail, seal })}\n`, nowMs);
}

/**
 * What a restore noted, when it is ours and about this store as it is now: an old note cannot be used again, for the
 * link outside of the store has moved on.
 */
export function readRestoration(
  file: string,
  chain: AuditChain,
  now: { readonly head: ChainLink; readonly anchored: ChainLink | undefined },
): string | undefined {
  const text = readSecretFile(file)?.content.toString('utf8');
  if (text === undefined || now.anchored === undefined) return undefined;
  let note: z.infer<typeof Note>;
  try {
    note = Note.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
  const isOurs = chain.sealsRestoration(note, note.seal);
  return isOurs && isSame(note.head, now.head) && isSame(note.anchored, now.anchored) ? note.detail : undefined;
}

/** Forgets the note of a restore. */
export function forgetRestoration(file: string): void {
  rmSync(file, { force: true });
}

function isSame(a: ChainLink, b: ChainLink): boolean {
  return a.sequence === b.sequence && a.hash === b.hash;
}
