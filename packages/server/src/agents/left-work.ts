import type { Agent, KeptRequest, ResultBody } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';
import { deliverKept } from './kept-requests.ts';
import type { Ledger } from './ledger.ts';

/** What an agent ended with on its output. */
export interface FinishedWork {
  readonly agent: Agent;
  readonly result: ResultBody;
  /** When the attempt before this one ended, ISO 8601; null: there was none. */
  readonly since: string | null;
  readonly correlationId: string;
}

/** Who takes what agents leave. */
export interface LeftWorkNeeds {
  /** Stores what an agent ended with on its output, unless it stored a result itself; the same work twice is once. */
  readonly handIn: (work: FinishedWork) => Promise<void>;
  /** Does in an agent’s name what it kept while the sidecar was away. */
  readonly deliver: (agent: Agent, request: KeptRequest, signal: AbortSignal) => Promise<unknown>;
  readonly logger: Logger;
}

/** What agents have done and not handed in when they end. It is handed in before their end is told. */
export class LeftWork {
  readonly #needs: LeftWorkNeeds;
  readonly #ledger: Ledger;
  readonly #signal: AbortSignal;

  /** @param signal aborts when the sidecar stops: what is not handed in then, the next one hands in. */
  constructor(needs: LeftWorkNeeds, ledger: Ledger, signal: AbortSignal) {
    this.#needs = needs;
    this.#ledger = ledger;
    this.#signal = signal;
  }

  /** Delivers what the agent kept in its outbox. Rejects only when the sidecar stops meanwhile. */
  async deliverKept(folder: string, agentId: string): Promise<void> {
    const { deliver, logger } = this.#needs;
    const { agent } = this.#ledger.require(agentId);
    const insist = (request: KeptRequest): Promise<unknown> =>
      this.#ledger.untilWritten(agentId, () => deliver(agent, request, this.#signal), this.#signal);
    await deliverKept(folder, insist, logger, this.#signal);
  }

  /** Stores the result that the agent’s output ended with. Rejects only when the sidecar stops meanwhile. */
  async handIn(agentId: string, result: ResultBody): Promise<void> {
    const { agent, correlationId, failures } = this.#ledger.require(agentId);
    const since = failures.at(-1)?.at ?? null;
    const write = (): Promise<void> => this.#needs.handIn({ agent, result, since, correlationId });
    await this.#ledger.untilWritten(agentId, write, this.#signal).catch((cause: unknown) => {
      if (this.#signal.aborted) throw cause;
      this.#needs.logger.warn({ err: cause, agent_id: agentId }, 'what the agent ended with could not be stored');
    });
  }
}
