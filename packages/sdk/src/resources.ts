import type { Contract, InputOf, OutputOf, Procedure } from '@orchestration-sidecar/shared';
import type { CallOptions } from './caller.ts';
import type { SubscribeOptions, Subscription } from './subscription.ts';

/** Everything that can be asked of a sidecar: `client.<noun>.<verb>(input, options)`, straight from the contract. */
export type Resources = {
  readonly [Noun in keyof Contract]: { readonly [Verb in keyof Contract[Noun]]: MethodOf<Contract[Noun][Verb]> };
};

/** A query or mutation answers a promise, a subscription something to iterate. */
export type MethodOf<P> = P extends Procedure
  ? P['kind'] extends 'subscription'
    ? (...args: Arguments<Omit<InputOf<P>, 'lastEventId'>, SubscribeOptions>) => Subscription<OutputOf<P>>
    : (...args: Arguments<InputOf<P>, OptionsOf<P>>) => Promise<OutputOf<P>>
  : never;

/** Options of a call: an idempotency key where the procedure takes one. */
export type OptionsOf<P extends Procedure> = 'idempotency_key' extends keyof InputOf<P>
  ? CallOptions
  : Omit<CallOptions, 'idempotencyKey'>;

type Arguments<Input, Options> = {} extends Input
  ? [input?: Input, options?: Options]
  : [input: Input, options?: Options];

/** Makes the resources: one function for every entry. */
export function createResources(
  contract: Contract,
  makeMethod: (entry: Procedure) => (input?: object, options?: object) => unknown,
): Resources {
  const nouns = Object.entries<Readonly<Record<string, Procedure>>>(contract).map(([noun, verbs]) => [
    noun,
    Object.fromEntries(Object.entries(verbs).map(([verb, entry]) => [verb, makeMethod(entry)])),
  ]);
  // Holds by construction: the same tree is walked in the types.
  return Object.fromEntries(nouns) as Resources;
}
