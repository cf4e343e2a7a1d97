import type { FastifyReply } from 'fastify';
import type { Procedure } from '@orchestration-sidecar/shared';
import type { Dispatcher, DoorCall } from './dispatcher.ts';
import { isClosed } from './open-calls.ts';

/** Whether an answer may be large, and is made at once. */
export function answersMuch({ kind, load, access }: Procedure): boolean {
  return kind === 'query' && load === undefined && access !== 'public';
}

/** What an answer over HTTP is made with. */
interface AnswerNeeds {
  readonly call: DoorCall;
  readonly reply: FastifyReply;
  readonly dispatcher: Dispatcher;
}

/** Answers one call over HTTP. What may be large has one of its caller’s places from its beginning until it has left. */
export function answerInPlace(entry: Procedure, input: unknown, needs: AnswerNeeds): Promise<unknown> {
  if (answersMuch(entry) || entry.load === 'waits') return answerHolding(entry, input, needs);
  return needs.dispatcher.dispatch(entry.name, input, needs.call);
}

async function answerHolding(
  entry: Procedure,
  input: unknown,
  { call, reply, dispatcher }: AnswerNeeds,
): Promise<unknown> {
  if (answersMuch(entry)) {
    // Nearly always one is free, and nothing is waited for.
    const held = holdPlace(reply, call, dispatcher);
    if (held) await held;
  }
  const answer = await dispatcher.dispatch(entry.name, input, call);
  // Those that wait share what they wait for; its text is made for a few of them at a time.
  if (entry.load === 'waits') await holdPlace(reply, call, dispatcher);
  return answer;
}

/**
 * Takes one of the caller’s places until the answer has left or the caller has.
 * @returns what to wait for, when there is something.
 * @throws {SidecarError} `RATE_LIMITED`, `CLIENT_CLOSED`.
 */
export function holdPlace({ raw }: FastifyReply, call: DoorCall, dispatcher: Dispatcher): Promise<void> | undefined {
  const hold = (release: () => void): void => {
    if (isClosed(raw)) release();
    else raw.once('close', release);
  };
  const taken = dispatcher.admitAnswer(call);
  if (taken instanceof Promise) return taken.then(hold);
  hold(taken);
  return undefined;
}
