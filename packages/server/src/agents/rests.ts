import type { Clock, Timer } from '../runtime/clock.ts';
import type { Admission } from './admission.ts';
import { ticketOf, type AgentRecord } from './agent-record.ts';
import { LONGEST_RETRY_DELAY_MS } from './retry.ts';

/** The pauses of agents between two attempts. */
export class Rests {
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #onOver: () => void;
  readonly #timers = new Map<string, Timer>();

  /** @param onOver called when an agent has rested: there may be a free slot for it. */
  constructor(clock: Clock, admission: Admission, onOver: () => void) {
    this.#clock = clock;
    this.#admission = admission;
    this.#onOver = onOver;
  }

  /** Lets an agent wait for its next attempt, which then needs a free slot like any other. */
  begin(record: AgentRecord, delayMs: number): void {
    const ticket = ticketOf(record);
    const { agentId } = ticket;
    if (delayMs <= 0) return void this.#admission.restore(ticket, 'queue');
    this.#admission.rest(ticket);
    const timer = this.#clock.after(Math.min(delayMs, LONGEST_RETRY_DELAY_MS), () => {
      this.#timers.delete(agentId);
      this.#admission.rested(agentId);
      this.#onOver();
    });
    this.#timers.set(agentId, timer);
  }

  /** Ends the pause of an agent that needs none any more. */
  forget(agentId: string): void {
    this.#timers.get(agentId)?.cancel();
    this.#timers.delete(agentId);
  }

  /** Ends all pauses; the next sidecar begins them again. */
  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
  }
}
