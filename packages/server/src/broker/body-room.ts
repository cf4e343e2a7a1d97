import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';
import { overloaded } from './admission-queue.ts';

/** Bytes of large bodies that are held at once: of everybody, and of one caller. */
const MAX_BYTES = 32 * LIMITS.maxBodyBytes;
const MAX_CALLER_BYTES = MAX_BYTES / 4;

/** Room for large bodies from their first byte until they are answered, with a part for each caller. */
export class BodyRoom {
  readonly #byCaller = new Map<string, number>();
  #heldBytes = 0;

  /**
   * Takes room for a body.
   * @param caller name of who sends it.
   * @returns what gives the room back; calling it again changes nothing.
   * @throws {SidecarError} `RATE_LIMITED` when the caller’s part is used up, `OVERLOADED` when all room is.
   */
  take(caller: string, bytes: number): () => void {
    const ownBytes = this.#byCaller.get(caller) ?? 0;
    if (ownBytes + bytes > MAX_CALLER_BYTES) {
      const detail = `The caller has ${ownBytes} bytes of bodies under way.`;
      throw new SidecarError('RATE_LIMITED', detail, { extension: { retry_after_seconds: 1 } });
    }
    if (this.#heldBytes + bytes > MAX_BYTES) throw overloaded('Too many large bodies are under way.');
    this.#hold(caller, bytes);
    let isHeld = true;
    return () => {
      if (isHeld) this.#hold(caller, -bytes);
      isHeld = false;
    };
  }

  #hold(caller: string, bytes: number): void {
    this.#heldBytes += bytes;
    const ownBytes = (this.#byCaller.get(caller) ?? 0) + bytes;
    if (ownBytes === 0) this.#byCaller.delete(caller);
    else this.#byCaller.set(caller, ownBytes);
  }
}
