import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { answersMuch } from './answer-place.ts';

/** Size at which the answers of one batch, which become one text, are enough. */
const MAX_BATCH_CHARS = 8 * 1024 * 1024;

/** The calls of one request whose answers may be large: one answer after the other, up to a size of them all. */
export class TrpcBatch {
  readonly #place: () => Promise<void>;
  #placed: Promise<void> | undefined;
  #before: Promise<unknown> = Promise.resolve();
  #chars = 0;

  /** @param place takes a place for the answer to the whole request. */
  constructor(place: () => Promise<void>) {
    this.#place = place;
  }

  /**
   * Answers a call of the batch.
   * @throws {SidecarError} `RATE_LIMITED` when the batch has had enough, and what `place` and `dispatch` throw.
   */
  async answer(entry: Procedure, dispatch: () => Promise<unknown>): Promise<unknown> {
    if (entry.load === 'waits') {
      const answer = await dispatch();
      await this.#hold();
      return this.#count(answer);
    }
    if (!answersMuch(entry)) return dispatch();
    const answering = this.#before.then(async () => {
      this.#mustHaveRoom();
      await this.#hold();
      return this.#count(await dispatch());
    });
    this.#before = answering.catch(() => undefined);
    return answering;
  }

  #hold(): Promise<void> {
    return (this.#placed ??= this.#place());
  }

  /** The first answer is given whatever its size: alone it would be as large. */
  #count(answer: unknown): unknown {
    const chars = JSON.stringify(answer).length;
    if (this.#chars > 0) this.#mustHaveRoom(chars);
    this.#chars += chars;
    return answer;
  }

  #mustHaveRoom(chars = 0): void {
    if (this.#chars + chars <= MAX_BATCH_CHARS) return;
    const detail = 'The answers of the batch are too large together. Ask for the rest in another request.';
    throw new SidecarError('RATE_LIMITED', detail, { extension: { retry_after_seconds: 1 } });
  }
}
