import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AuditRecord } from '@orchestration-sidecar/shared';

/** A place in the chain: the record’s sequence and what all records up to it hash to. */
export interface ChainLink {
  readonly sequence: number;
  readonly hash: string;
}

/** What the note of a restore states. */
export interface RestorationFacts {
  /** Newest record of the store that was put in place, and newest link outside of it then. */
  readonly head: ChainLink;
  readonly anchored: ChainLink;
  readonly detail: string;
}

/** Where the chain begins. */
export const GENESIS: ChainLink = { sequence: 0, hash: '0'.repeat(64) };

/**
 * The chain of audit records: each is authenticated together with the one before (HMAC-SHA-256). Keyed, because a bare
 * hash could be computed anew by whoever can write to the store; the key lies outside of it.
 */
export class AuditChain {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** What a record’s text hashes to after the one before. */
  link(previous: string, body: string): string {
    return createHmac('sha256', this.#key).update(previous).update(body).digest('hex');
  }

  /** Text that states a link outside of the store. */
  seal({ sequence, hash }: ChainLink): string {
    return `${JSON.stringify({ sequence, hash, seal: this.#sealOf(sequence, hash) })}\n`;
  }

  /** The link that a text states; undefined when it was not written by us. */
  unseal(text: string): ChainLink | undefined {
    const [, sequence = '', hash = '', seal = ''] =
      /^\{"sequence":(\d{1,15}),"hash":"([0-9a-f]{64})","seal":"([0-9a-f]{64})"\}\s*$/.exec(text) ?? [];
    if (seal === '') return undefined;
    const expected = this.#sealOf(Number(sequence), hash);
    return timingSafeEqual(Buffer.from(seal), Buffer.from(expected)) ? { sequence: Number(sequence), hash } : undefined;
  }

  /** What vouches for the note of a restore. */
  sealRestoration({ head, anchored, detail }: RestorationFacts): string {
    const facts = JSON.stringify([head.sequence, head.hash, anchored.sequence, anchored.hash, detail]);
    return createHmac('sha256', this.#key).update(`restored:${facts}`).digest('hex');
  }

  /** Whether a seal is the one of {@link sealRestoration}. */
  sealsRestoration(facts: RestorationFacts, seal: string): boolean {
    const [given, expected] = [Buffer.from(seal), Buffer.from(this.sealRestoration(facts))];
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #sealOf(sequence: number, hash: string): string {
    return createHmac('sha256', this.#key).update(`anchor:${sequence}:${hash}`).digest('hex');
  }
}

/** A record as the text that is stored and hashed: its fields in one order. */
export function canonical(record: AuditRecord): string {
  const { sequence, at, actor, actor_type, project_id, action, target, outcome, correlation_id, count, detail } =
    record;
  return JSON.stringify({
    sequence,
    at,
    actor,
    actor_type,
    project_id,
    action,
    target,
    outcome,
    correlation_id,
    count,
    detail,
  });
}
