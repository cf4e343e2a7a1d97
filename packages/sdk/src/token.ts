import { SidecarError } from '@orchestration-sidecar/shared';
import { backOffMs } from './back-off.ts';
import { MAX_TIMER_MS, sleep, type Clock, type Timer } from './clock.ts';
import { readTokenTimes } from './jwt.ts';

/** Where calls get their token from. */
export interface TokenSource {
  /** The token to send now; undefined for none. */
  current(): Promise<string | undefined>;
  /** Told that the sidecar refused a token: whether there is another one to try. */
  replaced(refused: string | undefined): Promise<boolean>;
  /** Calls whenever another token has taken the place of the one before; answers how to stop it. */
  onChange(listener: () => void): () => void;
}

/** A place that other processes of the same agent share a token through. */
export interface TokenFile {
  read(): Promise<string | undefined>;
  write(token: string): Promise<void>;
}

/** What keeping a token takes. */
export interface KeptTokenNeeds {
  readonly token: string | undefined;
  readonly file?: TokenFile | undefined;
  /** Answers the next token of the same agent. */
  readonly refresh: (token: string) => Promise<string>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Ends the keeping. */
  readonly signal: AbortSignal;
}

/** A token this close to its end is not sent before its refreshing has been tried. */
const LAST_MOMENT_MS = 10_000;

/**
 * Keeps one agent’s token fresh: it is exchanged somewhere between 70 % and 90 % of its life, at random, so that
 * agents that started together do not all come at once. Everyone who asks meanwhile shares one refreshing. A token
 * without an end, such as the operator’s, is left alone.
 */
export class KeptToken implements TokenSource {
  readonly #needs: KeptTokenNeeds;
  readonly #listeners = new Set<() => void>();
  readonly #loaded: Promise<unknown>;
  #token: string | undefined;
  /** When to refresh; undefined: never. */
  #dueMs: number | undefined;
  #expiresAtMs = Infinity;
  #timer: Timer | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(needs: KeptTokenNeeds) {
    this.#needs = needs;
    if (needs.token !== undefined) this.#adopt(needs.token);
    this.#loaded = this.#reload();
    needs.signal.addEventListener('abort', () => this.#timer?.cancel(), { once: true });
  }

  async current(): Promise<string | undefined> {
    await this.#loaded;
    const nowMs = this.#needs.clock.nowMs();
    if (this.#dueMs !== undefined && this.#dueMs <= nowMs) {
      const refreshing = this.#refresh();
      if (this.#expiresAtMs - nowMs < LAST_MOMENT_MS) await refreshing;
    }
    return this.#token;
  }

  async replaced(refused: string | undefined): Promise<boolean> {
    await this.#refreshing;
    return this.#token !== refused || (await this.#reload());
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #adopt(token: string): void {
    if (this.#needs.signal.aborted) return;
    const { clock, random } = this.#needs;
    const first = this.#token === undefined;
    this.#token = token;
    const times = readTokenTimes(token);
    this.#expiresAtMs = times?.expiresAtMs ?? Infinity;
    this.#dueMs =
      times && times.expiresAtMs - (0.1 + 0.2 * random()) * (times.expiresAtMs - (times.issuedAtMs ?? clock.nowMs()));
    this.#arm();
    if (!first) for (const listener of this.#listeners) listener();
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#dueMs === undefined) return;
    const { clock } = this.#needs;
    const delayMs = Math.min(Math.max(0, this.#dueMs - clock.nowMs()), MAX_TIMER_MS);
    const due = (): void => {
      if (this.#dueMs !== undefined && this.#dueMs > clock.nowMs()) this.#arm();
      else void this.#refresh();
    };
    this.#timer = clock.after(delayMs, due, true);
  }

  /** Whether the file held another token than the one that is kept. */
  async #reload(): Promise<boolean> {
    const token = (await this.#needs.file?.read())?.trim();
    if (token === undefined || token === '' || token === this.#token) return false;
    this.#adopt(token);
    return true;
  }

  /** Never rejects: a token that could not be refreshed is sent as it is, and the sidecar says what is wrong with it. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#exchange().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #exchange(): Promise<void> {
    const { refresh, file, clock, random, signal } = this.#needs;
    for (let attempt = 0; this.#token !== undefined && !signal.aborted; attempt++) {
      try {
        // Another process of the agent may have refreshed it already; doing it again would end that one’s token.
        if (await this.#reload()) return;
        const token = await refresh(this.#token);
        this.#adopt(token);
        // The token is good in here whether or not the others can be told.
        await file?.write(token).catch(() => undefined);
        return;
      } catch (cause) {
        this.#dueMs = undefined;
        if (!(cause instanceof SidecarError) || !cause.retryable || this.#expiresAtMs <= clock.nowMs()) return;
        await sleep(clock, backOffMs(attempt + 3, random), signal, true).catch(() => undefined);
      }
    }
  }
}

/** A token that the caller’s own function answers, asked before every call. */
export class AskedToken implements TokenSource {
  readonly #ask: () => string | Promise<string>;

  constructor(ask: () => string | Promise<string>) {
    this.#ask = ask;
  }

  async current(): Promise<string> {
    return this.#ask();
  }

  async replaced(refused: string | undefined): Promise<boolean> {
    return (await this.#ask()) !== refused;
  }

  onChange(): () => void {
    return () => undefined;
  }
}
