import type { Pin } from '@orchestration-sidecar/shared';
import type { Clock } from '../../runtime/clock.ts';
import type { PinStore, PinTarget } from '../../storage/clean-up/index.ts';
import type { Writer } from '../../storage/writer.ts';

/** What the pins need. */
export interface PinsNeeds {
  readonly store: PinStore;
  readonly writer: Writer;
  readonly clock: Clock;
  /** @throws {SidecarError} `ISSUE_NOT_FOUND`, `RESULT_NOT_FOUND`: there is nothing to pin. */
  readonly mustExist: (target: PinTarget) => void;
}

/** What no clean-up removes. */
export class Pins {
  readonly #needs: PinsNeeds;

  constructor(needs: PinsNeeds) {
    this.#needs = needs;
  }

  /** Pins an issue or a result; pinning twice changes nothing. */
  add(target: PinTarget): Promise<Pin> {
    const { store, writer, clock, mustExist } = this.#needs;
    const nowMs = clock.nowMs();
    return writer.write((transaction) => {
      mustExist(target);
      return store.find(target) ?? store.insert(transaction, target, nowMs);
    });
  }

  /** Takes a pin away; answers whether there was one. */
  remove(target: PinTarget): Promise<boolean> {
    return this.#needs.writer.write((transaction) => this.#needs.store.remove(transaction, target));
  }

  /** A page of a project’s pins, newest first. */
  list(query: Parameters<PinStore['list']>[0]): ReturnType<PinStore['list']> {
    return this.#needs.store.list(query);
  }
}
