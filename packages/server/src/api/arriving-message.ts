import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';

/** What a piece of a message takes beside its bytes: a message may come in pieces of a byte each. */
const PIECE_BYTES = 256;
/** Head of a control frame that a client sends (RFC 6455, section 5.2). */
const CONTROL_HEAD_BYTES = 6;

/** What {@link ArrivingMessage} asks and tells. */
export interface ArrivingMessageNeeds {
  /** Size up to which nobody is asked. */
  readonly smallBytes: number;
  /** Longest that the rest of a larger message may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Asks for room; answers what gives it back. */
  readonly admit: (bytes: number) => Promise<() => void>;
  /** Told when there is none, or when the rest does not come. */
  readonly refuse: (cause: unknown) => void;
}

/** The message that is on its way through a WebSocket, which is kept until it is whole. */
export class ArrivingMessage {
  readonly #needs: ArrivingMessageNeeds;
  #bytes = 0;
  #pieces = 0;
  /** Bytes of control frames, and whether a message ended, in the piece that is being read. */
  #controlBytes = 0;
  #hasEnded = false;
  /** Gives back the room of a large one; undefined while it is small. */
  #leave: (() => void) | undefined;

  constructor(needs: ArrivingMessageNeeds) {
    this.#needs = needs;
  }

  /** A piece was read, and what ended in it was told of. What it has of a next message is not counted. */
  piece(bytes: number): void {
    this.#bytes = this.#hasEnded ? 0 : Math.max(0, this.#bytes + bytes - this.#controlBytes);
    this.#pieces = this.#bytes === 0 ? 0 : this.#pieces + 1;
    this.#controlBytes = 0;
    this.#hasEnded = false;
    const isLarge = this.#bytes + this.#pieces * PIECE_BYTES > this.#needs.smallBytes;
    if (isLarge && this.#leave === undefined) this.#enter();
  }

  /** A control frame ended, which may be in the middle of a message. */
  control(payload: Buffer): void {
    this.#controlBytes += payload.length + CONTROL_HEAD_BYTES;
  }

  /** A message ended, or none will come any more. */
  end(): void {
    this.#hasEnded = true;
    this.#leave?.();
    this.#leave = undefined;
  }

  #enter(): void {
    const { timeoutMs, admit, refuse } = this.#needs;
    const timer = setTimeout(() => refuse(new SidecarError('REQUEST_TIMEOUT')), timeoutMs);
    let release: (() => void) | undefined;
    let hasLeft = false;
    this.#leave = () => {
      hasLeft = true;
      clearTimeout(timer);
      release?.();
    };
    const enter = async (): Promise<void> => {
      release = await admit(LIMITS.maxBodyBytes);
      if (hasLeft) release();
    };
    enter().catch(refuse);
  }
}
