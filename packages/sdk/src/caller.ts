import { type Procedure, SidecarError } from '@orchestration-sidecar/shared';
import { backOffMs } from './back-off.ts';
import { sleep, type Clock } from './clock.ts';
import { isTokenError, toSidecarError } from './errors.ts';
import type { TokenSource } from './token.ts';
import type { Transport } from './transport.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Options of one call. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal’s reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Longest time the call may take with all its attempts, in milliseconds; `TIMEOUT` after that. A long-poll’s own
   * `timeout` comes on top. Default 60 000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Names the request, so that sending it again acts once (DECISIONS 15). Default: made anew for each call. Give your
   * own where the work itself may be repeated, after a crash for instance.
   */
  readonly idempotencyKey?: string | undefined;
  /** Sent as `x-correlation-id` over HTTP; what the call causes carries it. Default: the client’s, else a new one. */
  readonly correlationId?: string | undefined;
}

/** What a caller needs. */
export interface CallerNeeds {
  readonly transport: Transport;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly makeId: () => string;
  /** Most attempts at one call. */
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  /** Correlation id of calls that name none. */
  readonly correlationId: string | undefined;
  /** Aborts every call. */
  readonly signal: AbortSignal;
}

/**
 * Makes calls. Tries again, with back-off, only what may be repeated: queries, and mutations that carry an idempotency
 * key. A refused token is replaced once when another one is to be had.
 */
export class Caller {
  readonly #needs: CallerNeeds;

  constructor(needs: CallerNeeds) {
    this.#needs = needs;
  }

  /**
   * Calls a query or mutation.
   * @throws {SidecarError} what the sidecar answered, `UNREACHABLE`, `TIMEOUT`, `ANSWER_UNREADABLE`; or the signal’s reason.
   */
  async call(entry: Procedure, input: object = {}, options: CallOptions = {}): Promise<unknown> {
    const { clock, makeId } = this.#needs;
    const keyed = entry.rest.headers?.['idempotency_key'] !== undefined;
    const key = options.idempotencyKey ?? ('idempotency_key' in input ? input.idempotency_key : undefined);
    const request = {
      entry,
      input: keyed ? { ...input, idempotency_key: key ?? makeId() } : input,
      repeatable: keyed || entry.kind === 'query',
      correlationId: options.correlationId ?? this.#needs.correlationId ?? makeId(),
    };
    const timeoutMs = (options.timeoutMs ?? this.#needs.timeoutMs) + ownWaitMs(input);
    const over = new AbortController();
    const timer = clock.after(timeoutMs, () => {
      const { correlationId } = request;
      over.abort(
        new SidecarError('TIMEOUT', `${entry.name} was not answered within ${timeoutMs} ms.`, { correlationId }),
      );
    });
    const signals = [this.#needs.signal, over.signal, ...(options.signal ? [options.signal] : [])];
    try {
      return await this.#attempts(request, AbortSignal.any(signals));
    } finally {
      timer.cancel();
    }
  }

  async #attempts(request: Request, signal: AbortSignal): Promise<unknown> {
    const { clock, maxAttempts, random, tokens, transport } = this.#needs;
    const { entry, input, correlationId } = request;
    const kind = entry.kind === 'query' ? 'query' : 'mutation';
    let tokenReplaced = false;
    for (let attempt = 0; ;) {
      signal.throwIfAborted();
      const token = await unlessAborted(tokens.current(), signal);
      try {
        return await transport.send({ name: entry.name, kind, input, token, correlationId, signal });
      } catch (cause) {
        signal.throwIfAborted();
        const error = toSidecarError(cause, correlationId);
        if (isTokenError(error) && !tokenReplaced && (await unlessAborted(tokens.replaced(token), signal))) {
          tokenReplaced = true;
          continue;
        }
        attempt++;
        if (!request.repeatable || !error.retryable || attempt >= maxAttempts) throw error;
        await sleep(clock, Math.max(backOffMs(attempt, random), retryAfterMs(error)), signal);
      }
    }
  }
}

interface Request {
  readonly entry: Procedure;
  readonly input: object;
  readonly repeatable: boolean;
  readonly correlationId: string;
}

/** How long the sidecar asks to wait before the next attempt. */
function retryAfterMs(error: SidecarError): number {
  const seconds = error.extension['retry_after_seconds'];
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 0;
}

/** How long a long-poll may wait before it answers. */
function ownWaitMs(input: object): number {
  return 'timeout' in input && typeof input.timeout === 'number' ? input.timeout : 0;
}
