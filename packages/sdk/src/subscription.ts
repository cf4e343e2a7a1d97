import { SidecarError } from '@orchestration-sidecar/shared';
import { backOffMs } from './back-off.ts';
import { sleep, type Clock, type Timer } from './clock.ts';
import { isGapError, toSidecarError, type GapError } from './errors.ts';
import type { Connection, Socket } from './socket.ts';

/**
 * `connecting`: no connection, or the sidecar has not confirmed yet; `live`: events arrive; `paused`: the reader is
 * behind, and is caught up from where it is when it has read what it has; `ended`: over.
 */
export type SubscriptionState = 'connecting' | 'live' | 'paused' | 'ended';

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Ends the subscription; iterating then ends without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every change of state, with what caused it when that was a failure. */
  readonly onState?: ((state: SubscriptionState, error?: SidecarError) => void) | undefined;
  /**
   * Told when the log no longer reaches back to the position; the subscription then goes on from
   * `extension.oldest_cursor`. Left out: iterating throws the error.
   */
  readonly onGap?: ((gap: GapError) => void) | undefined;
  /** Longest time without a connection before iterating throws `UNREACHABLE`, in milliseconds. Default: no limit. */
  readonly giveUpAfterMs?: number | undefined;
  /**
   * Items kept for a reader that is slower than they arrive, after which no more are asked for; those of one message,
   * at most 256 or about 2 MiB, come on top. Default 1024, at least 1.
   */
  readonly maxBuffered?: number | undefined;
}

/**
 * A stream of items, each once and in order, over dropped connections and restarts of the sidecar. Iterate it once;
 * leaving the loop closes it.
 */
export interface Subscription<Item> extends AsyncIterable<Item> {
  readonly state: SubscriptionState;
  /** Position of the last item that was read: where another subscription can go on. */
  readonly cursor: string | undefined;
  /** Resolves when the sidecar has confirmed the subscription; rejects when it ends before. */
  opened(): Promise<void>;
  /** Ends the subscription. Closing twice is once. */
  close(): void;
  [Symbol.asyncIterator](): AsyncIterator<Item, void, undefined>;
}

/** What a subscription is made of. */
export interface Followed {
  readonly name: string;
  readonly input: object;
  /** Whether messages are lists of events that are handed out one by one. */
  readonly inLists: boolean;
  /** Position to start from; undefined: where the sidecar starts. Asked until it answers once. */
  readonly anchor: (signal: AbortSignal) => Promise<string | undefined>;
}

/** What a subscription needs. */
export interface FollowingNeeds {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly random: () => number;
  /** Ends every subscription. */
  readonly signal: AbortSignal;
}

interface Tracked {
  readonly id: string;
  readonly data: unknown;
}

/** Why a session ended that did not fail. */
type Outcome = 'full' | 'replaced' | 'stopped';

const MAX_BUFFERED = 1024;

/**
 * Follows a log by sessions on the shared socket. It owns the position, so that a session may end at any time, be it
 * because the reader is slow, the token was replaced or the sidecar restarts, and the next one goes on from there.
 */
export class Following implements Subscription<unknown> {
  readonly #needs: FollowingNeeds;
  readonly #followed: Followed;
  readonly #options: SubscribeOptions;
  readonly #maxBuffered: number;
  readonly #closed = new AbortController();
  readonly #opened: { readonly promise: Promise<void>; resolve(): void; reject(error: SidecarError): void };
  readonly #queue: Tracked[] = [];
  #state: SubscriptionState = 'connecting';
  #failure: SidecarError | undefined;
  #cursor: string | undefined;
  /** Where the next session goes on: after the last item received. */
  #position: string | undefined;
  #anchored = false;
  #sessionsFailed = 0;
  #giveUp: Timer | undefined;
  #arrived = nothing;
  #drained = nothing;

  constructor(needs: FollowingNeeds, followed: Followed, options: SubscribeOptions) {
    this.#needs = needs;
    this.#followed = followed;
    this.#options = options;
    this.#maxBuffered = Math.max(1, options.maxBuffered ?? MAX_BUFFERED);
    this.#opened = settleLater();
    const signals = [needs.signal, this.#closed.signal, ...(options.signal ? [options.signal] : [])];
    const signal = AbortSignal.any(signals);
    if (signal.aborted) {
      this.#end(undefined);
    } else {
      signal.addEventListener('abort', () => this.#end(undefined), { once: true });
      this.#expectConnection();
      this.#follow(signal).catch((cause: unknown) => this.#fail(toSidecarError(cause)));
    }
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get cursor(): string | undefined {
    return this.#cursor;
  }

  opened(): Promise<void> {
    return this.#opened.promise;
  }

  close(): void {
    this.#closed.abort();
  }

  #fail(error: SidecarError): void {
    this.#end(error);
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    try {
      for (;;) {
        const item = this.#queue.shift();
        if (item) {
          this.#cursor = item.id;
          if (this.#queue.length <= this.#maxBuffered / 4) this.#drained();
          yield item.data;
        } else if (this.#state === 'ended') {
          if (this.#failure) throw this.#failure;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#arrived = resolve));
        }
      }
    } finally {
      this.close();
    }
  }

  /** Runs one session after another until the signal aborts or one fails for good. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let connection: Connection | undefined;
      try {
        if (!this.#anchored) {
          this.#position = await this.#followed.anchor(signal);
          this.#anchored = true;
        }
        connection = await this.#needs.socket.connection();
        const outcome = await this.#session(connection, signal);
        if (outcome === 'full') await this.#untilDrained(signal);
        if (outcome === 'stopped') await this.#backOff(signal);
      } catch (cause) {
        if (signal.aborted) return;
        await this.#recover(toSidecarError(cause), connection, signal);
      }
    }
  }

  /** Resolves when another session is worth trying. */
  async #recover(error: SidecarError, connection: Connection | undefined, signal: AbortSignal): Promise<void> {
    const { onGap } = this.#options;
    if (isGapError(error) && onGap) {
      this.#position = error.extension.oldest_cursor;
      queueMicrotask(() => onGap(error));
      return;
    }
    if (connection && (await this.#needs.socket.renew(connection, error))) return;
    if (!error.retryable) throw error;
    this.#enter('connecting', error);
    await this.#backOff(signal);
  }

  #session({ client, replaced }: Connection, signal: AbortSignal): Promise<Outcome> {
    const { name, input } = this.#followed;
    return new Promise((resolve, reject) => {
      let over = false;
      let unsubscribe = nothing;
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        signal.removeEventListener('abort', onAbort);
        replaced.removeEventListener('abort', onReplaced);
        unsubscribe();
        settle();
      };
      const onAbort = (): void => end(() => resolve('stopped'));
      const onReplaced = (): void => end(() => resolve('replaced'));
      if (signal.aborted) return onAbort();
      if (replaced.aborted) return onReplaced();
      signal.addEventListener('abort', onAbort);
      replaced.addEventListener('abort', onReplaced);
      const resumed = this.#position === undefined ? input : { ...input, lastEventId: this.#position };
      const subscription = client.subscription(name, resumed, {
        onStarted: () => {
          if (!over) this.#enter('live');
        },
        onConnectionStateChange: ({ state, error }) => {
          if (!over && state === 'connecting') this.#enter('connecting', error ? toSidecarError(error) : undefined);
        },
        onData: (item: unknown) => {
          if (over) return;
          const received = itemsOf(item, this.#followed.inLists);
          if (!received) return end(() => reject(new SidecarError('ANSWER_UNREADABLE')));
          if (this.#receive(received)) end(() => resolve('full'));
        },
        onError: (cause) => end(() => reject(toSidecarError(cause))),
        onComplete: () => end(() => resolve('stopped')),
      });
      unsubscribe = () => subscription.unsubscribe();
      if (over) unsubscribe();
    });
  }

  /** Takes items in; whether there is no room for more. */
  #receive(items: readonly Tracked[]): boolean {
    this.#queue.push(...items);
    this.#position = items.at(-1)?.id ?? this.#position;
    this.#arrived();
    return this.#queue.length >= this.#maxBuffered;
  }

  async #untilDrained(signal: AbortSignal): Promise<void> {
    if (this.#queue.length <= this.#maxBuffered / 4) return;
    this.#enter('paused');
    await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#drained = nothing;
    if (!signal.aborted) this.#enter('connecting');
  }

  #backOff(signal: AbortSignal): Promise<void> {
    return sleep(this.#needs.clock, backOffMs(this.#sessionsFailed++, this.#needs.random), signal);
  }

  #enter(state: SubscriptionState, error?: SidecarError): void {
    if (this.#state === 'ended' || (this.#state === state && error === undefined)) return;
    if (state === 'live') {
      this.#sessionsFailed = 0;
      this.#opened.resolve();
    }
    this.#state = state;
    if (state === 'connecting') this.#expectConnection();
    else this.#expectNothing();
    const { onState } = this.#options;
    // In its own turn: what the caller’s function throws is the caller’s, not the connection’s.
    if (onState) queueMicrotask(() => onState(state, error));
  }

  #expectConnection(): void {
    const { giveUpAfterMs } = this.#options;
    if (giveUpAfterMs === undefined || this.#giveUp) return;
    this.#giveUp = this.#needs.clock.after(giveUpAfterMs, () => {
      this.#fail(new SidecarError('UNREACHABLE', `There was no connection for ${giveUpAfterMs} ms.`));
    });
  }

  #expectNothing(): void {
    this.#giveUp?.cancel();
    this.#giveUp = undefined;
  }

  #end(failure: SidecarError | undefined): void {
    if (this.#state === 'ended') return;
    this.#failure = failure;
    // What was received before a failure is still read; who closes does not want to.
    if (!failure) this.#queue.length = 0;
    this.#opened.reject(failure ?? new SidecarError('CLIENT_CLOSED', 'The subscription was closed.'));
    this.#enter('ended', failure);
    this.#arrived();
    this.#drained();
  }
}

function nothing(): void {}

function settleLater(): { promise: Promise<void>; resolve(): void; reject(error: SidecarError): void } {
  let resolve = nothing;
  let reject: (error: SidecarError) => void = nothing;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Whoever does not ask does not hear of it here, but from the iterator.
  promise.catch(nothing);
  return { promise, resolve, reject };
}

/** What a message brought; undefined when it is not what the sidecar sends. */
function itemsOf(message: unknown, inLists: boolean): readonly Tracked[] | undefined {
  if (!isTracked(message)) return undefined;
  if (!inLists) return [message];
  if (!Array.isArray(message.data)) return undefined;
  const events: readonly unknown[] = message.data;
  const items = events.flatMap((event) => (isEvent(event) ? [{ id: event.cursor, data: event }] : []));
  return items.length === events.length ? items : undefined;
}

function isEvent(value: unknown): value is { readonly cursor: string } {
  return typeof value === 'object' && value !== null && 'cursor' in value && typeof value.cursor === 'string';
}

function isTracked(value: unknown): value is Tracked {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'data' in value
  );
}
