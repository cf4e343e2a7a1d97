import {
  KEPT,
  keptNames,
  nextKeptName,
  parseKept,
  renderKept,
  SidecarError,
  type KeptRequest,
} from '@orchestration-sidecar/shared';
import { backOffMs } from './back-off.ts';
import { MAX_TIMER_MS, sleep, type Clock } from './clock.ts';
import { toSidecarError } from './errors.ts';
import type { Folder } from './platform/platform.ts';

/** Answer to what could not be handed in yet: it is on disk and is delivered, once, when the sidecar is back. */
export interface Queued {
  readonly queued: true;
  readonly idempotency_key: string;
}

/** An answer of the sidecar, or that the request is kept until there is one; its fields are undefined then. */
export type Handed<Answer> =
  | (Answer & { readonly queued?: undefined })
  | (Queued & { readonly [Field in keyof Answer]?: undefined });

/** What an outbox needs. */
export interface OutboxNeeds {
  readonly folder: Folder;
  readonly sendKept: (request: KeptRequest) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Ends delivering; what is kept stays on disk. */
  readonly signal: AbortSignal;
}

/** A request as the agent makes it. */
type Keepable = Parameters<typeof renderKept>[0];

/**
 * What an agent hands in while the sidecar is away, kept in a folder of its own (mode 0700, files 0600) and delivered
 * in order when it is back. Several processes of one agent may share the folder.
 */
export class Outbox {
  readonly #needs: OutboxNeeds;
  #delivering: Promise<void> | undefined;

  constructor(needs: OutboxNeeds) {
    this.#needs = needs;
  }

  /**
   * Hands a request in, or keeps it when the sidecar is away or earlier ones still wait.
   * @throws {SidecarError} what the sidecar answered; `UNREACHABLE` when the outbox is full.
   */
  async hand<Answer>(request: Keepable, send: () => Promise<Answer>): Promise<Answer | Queued> {
    if ((await this.waiting()) === 0) {
      try {
        return await send();
      } catch (cause) {
        if (!(cause instanceof SidecarError) || !cause.retryable) throw cause;
        await this.#keep(request, cause);
      }
    } else await this.#keep(request);
    void this.deliver();
    return { queued: true, idempotency_key: request.idempotencyKey };
  }

  /** Number of requests that wait to be delivered. */
  async waiting(): Promise<number> {
    return keptNames((await this.#needs.folder.list()).map(({ name }) => name)).length;
  }

  /**
   * Delivers what is kept, and keeps the process alive until that is done: the pauses between two tries do not by
   * themselves, and a process that has only them left ends in the middle of its wait.
   * @returns how many requests are left when the signal aborts first.
   */
  async flush(signal?: AbortSignal): Promise<number> {
    if (!signal?.aborted) {
      const given = signal && new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      const alive = this.#needs.clock.after(MAX_TIMER_MS, () => {});
      try {
        await Promise.race([this.deliver(), ...(given ? [given] : [])]);
      } finally {
        alive.cancel();
      }
    }
    return this.waiting();
  }

  /**
   * Delivers what is kept, first to last, beside whatever else keeps the process alive; resolves when nothing waits any
   * more, or the client is closed.
   */
  deliver(): Promise<void> {
    this.#delivering ??= this.#deliverAll().finally(() => (this.#delivering = undefined));
    return this.#delivering;
  }

  async #keep(request: Keepable, cause?: SidecarError): Promise<void> {
    const { folder } = this.#needs;
    const text = renderKept(request);
    for (;;) {
      const files = await folder.list();
      const bytes = files.reduce((sum, file) => sum + file.bytes, text.length);
      if (files.length >= KEPT.maxRequests || bytes > KEPT.maxBytes) {
        throw new SidecarError('UNREACHABLE', 'The sidecar is away and no more can be kept for it.', { cause });
      }
      // Somebody else may have taken the name since.
      if (await folder.add(nextKeptName(files.map(({ name }) => name)), text)) return;
    }
  }

  async #deliverAll(): Promise<void> {
    const { folder, clock, random, signal } = this.#needs;
    let failures = 0;
    while (!signal.aborted) {
      const [name] = keptNames((await folder.list()).map((file) => file.name));
      if (name === undefined) return;
      const verdict = await this.#deliverOne(name);
      if (verdict === 'away') await sleep(clock, backOffMs(failures++, random), signal, true).catch(() => undefined);
      else failures = 0;
    }
  }

  async #deliverOne(name: string): Promise<'delivered' | 'away'> {
    const { folder, sendKept } = this.#needs;
    const text = await folder.read(name);
    // Another process of the agent has delivered it.
    if (text === undefined) return 'delivered';
    const request = parseKept(text);
    try {
      if (!request) throw new SidecarError('INPUT_INVALID');
      await sendKept(request);
      await folder.remove(name);
    } catch (cause) {
      const error = toSidecarError(cause);
      // A token that ran out meanwhile is the sidecar’s to get over: it delivers the rest when the agent has ended.
      if (error.retryable || error.code === 'CLIENT_CLOSED' || error.status === 401) return 'away';
      // It will never be taken, and must not keep back what comes after it.
      await folder.rename(name, name.replace(KEPT.suffix, KEPT.refusedSuffix));
    }
    return 'delivered';
  }
}
