import type { DeadLetterReason, FailedDelivery } from '@orchestration-sidecar/shared';
import { isoTime } from '../../runtime/clock.ts';
import type { PendingDelivery } from './consumer-store.ts';

/*
 * The life of an event at a consumer:
 *
 *   (log) ── lease ──▶ leased ── ack ──▶ done
 *                      │  ▲
 *    nack or deadline  ▼  │ lease
 *                     waiting          leased ── refused, or the last attempt failed ──▶ dead letter
 *
 * An event that leaves the log while it waits becomes a dead letter at once; while it is leased, when the lease ends.
 */

/** What a failed delivery becomes: it waits for the next one, or there is none. */
export type Failed =
  | { readonly kind: 'waiting'; readonly delivery: PendingDelivery }
  | { readonly kind: 'dead'; readonly delivery: PendingDelivery; readonly reason: DeadLetterReason };

/** An event of the log, never handed out. */
export function fresh(sequence: number): PendingDelivery {
  return { sequence, attempts: 0, lease: null, member: null, dueAtMs: 0, history: [], body: null, lost: null };
}

/** A dead letter that is to be handed out again. It brings its event along: the log may not have it any more. */
export function redriven(sequence: number, body: string): PendingDelivery {
  return { ...fresh(sequence), body };
}

/** Hands an event to a member until the deadline. */
export function leased(
  delivery: PendingDelivery,
  lease: { readonly lease: string; readonly member: string; readonly deadlineMs: number },
): PendingDelivery {
  const { deadlineMs, ...holder } = lease;
  return { ...delivery, ...holder, attempts: delivery.attempts + 1, dueAtMs: deadlineMs };
}

/** Undoes a lease whose holder never got the event. */
export function notTaken(delivery: PendingDelivery, nowMs: number): PendingDelivery {
  return { ...delivery, lease: null, member: null, attempts: delivery.attempts - 1, dueAtMs: nowMs };
}

/** Whether a lease is the one that holds now. */
export function isHeld(delivery: PendingDelivery, lease: string, nowMs: number): boolean {
  return delivery.lease === lease && delivery.dueAtMs > nowMs;
}

/** Ends the lease of an event that was not taken. */
export function failed(
  delivery: PendingDelivery,
  failure: {
    readonly outcome: FailedDelivery['outcome'];
    readonly detail: string | null;
    readonly delayMs: number;
    readonly nowMs: number;
  },
  maxDeliveries: number,
): Failed {
  const { outcome, detail, nowMs, delayMs } = failure;
  const { attempts, member } = delivery;
  const entry = { delivery: attempts, member: member ?? '', outcome, detail, at: isoTime(nowMs) };
  const history = [...delivery.history, entry];
  const ended = { ...delivery, lease: null, member: null, dueAtMs: nowMs + delayMs, history };
  if (outcome === 'refused') return { kind: 'dead', delivery: ended, reason: 'refused' };
  if (delivery.lost !== null) return { kind: 'dead', delivery: ended, reason: delivery.lost };
  if (attempts >= maxDeliveries) return { kind: 'dead', delivery: ended, reason: 'max_deliveries' };
  return { kind: 'waiting', delivery: ended };
}
