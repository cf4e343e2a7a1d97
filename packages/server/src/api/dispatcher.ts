import { ZodError } from 'zod';
import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { auditingOf, deedOf, projectOf, Deadlines, type AuditLog, type Broker } from '../broker/index.ts';
import type { Following, FollowStep, Sink } from '../events/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { principalName, type KnownPrincipal, type Principal } from '../runtime/principal.ts';
import { diskFault } from '../runtime/disk-fault.ts';
import type { Logger } from '../telemetry/logger.ts';
import { currentCall, inCall, workFor, type CallContext } from '../telemetry/call-context.ts';
import type { TraceContext } from '../telemetry/trace-context.ts';
import type { SpanAttributes, Tracer } from '../telemetry/tracer.ts';
import { UNKNOWN_PROCEDURE, type Metrics } from '../telemetry/metrics.ts';
import type { Call, Implementation } from './implement.ts';

/** A call as a door hands it over. */
export interface DoorCall {
  /** Value of the `Authorization` header, or what the door has in its place. */
  readonly authorization: string | undefined;
  readonly correlationId: string;
  /** Place in the trace that the caller counts it to. */
  readonly trace?: TraceContext | undefined;
  readonly signal: AbortSignal;
}

/** A subscription that was admitted. Exactly one of the two is called, once. */
export interface OpenSubscription {
  /** The events as the door asks for them. */
  steps(): AsyncGenerator<FollowStep, void, void>;
  /** Writes the events into a socket; resolves when the subscription is over. */
  pour(sink: Sink): Promise<void>;
}

/** What the dispatcher needs. */
export interface DispatcherNeeds {
  readonly audit: Pick<AuditLog, 'record' | 'count'>;
  readonly broker: Broker;
  /** Refuses what the disk has no room for. */
  readonly disk: { mustFit(entry: Procedure, input: unknown): void };
  readonly clock: Clock;
  readonly implementations: readonly Implementation[];
  /** Told of every call of an agent; answers what to call when it is over. */
  readonly noteCall: (agentId: string, procedure: string, input: unknown) => () => void;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly logger: Logger;
  /** Check every answer against the contract; for tests, it costs time. */
  readonly checkAnswers: boolean;
}

/** What is known of a call so far. */
interface Seen {
  entry: Procedure | undefined;
  principal: Principal;
}

/** Who may call what. */
interface Admission {
  readonly implementation: Implementation;
  readonly principal: Principal;
}

/** A call as its handler sees it: also the end of its time and of its caller’s token end it. Reading the signal makes it. */
class TimedCall implements Call {
  readonly principal: Principal;
  readonly correlationId: string;
  readonly #time: { readonly signal: AbortSignal };
  readonly #lifetime: AbortSignal | undefined;

  constructor(
    principal: Principal,
    correlationId: string,
    time: { readonly signal: AbortSignal },
    lifetime: AbortSignal | undefined,
  ) {
    this.principal = principal;
    this.correlationId = correlationId;
    this.#time = time;
    this.#lifetime = lifetime;
  }

  get signal(): AbortSignal {
    return this.#lifetime ? AbortSignal.any([this.#time.signal, this.#lifetime]) : this.#time.signal;
  }
}

/** Adds to the span of a request. */
type Note = (attributes: SpanAttributes) => void;
const noteNothing: Note = () => {};
const nothing = (): void => {};

/** Schema faults listed in one problem document. */
const MAX_LISTED_FAULTS = 20;

/**
 * The one way from any door to any handler: authenticate, authorise, check the input, act. Whatever goes wrong
 * leaves as a {@link SidecarError}; what was not meant for callers is logged and becomes `INTERNAL`.
 */
export class Dispatcher {
  readonly #needs: DispatcherNeeds;
  readonly #byName: ReadonlyMap<string, Implementation>;
  readonly #deadlines: Deadlines;

  constructor(needs: DispatcherNeeds) {
    this.#needs = needs;
    this.#deadlines = new Deadlines(needs.clock);
    this.#byName = new Map(needs.implementations.map((implementation) => [implementation.entry.name, implementation]));
  }

  /** The entry of a name, when there is one. */
  entry(name: string): Procedure | undefined {
    return this.#byName.get(name)?.entry;
  }

  /** Answers a query or mutation. */
  dispatch(name: string, input: unknown, call: DoorCall): Promise<unknown> {
    return inCall(contextOf(call), () =>
      this.#traced(name, (note) =>
        this.#answer(name, input, call, () => this.#needs.broker.authenticate(call.authorization), note),
      ),
    );
  }

  /** Answers a query or mutation for somebody who has been authenticated by other means than a token. */
  dispatchAs(principal: KnownPrincipal, name: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    const { correlationId = principalName(principal), trace } = currentCall() ?? {};
    const call = { authorization: undefined, correlationId, trace, signal };
    return inCall(contextOf(call), () =>
      this.#traced(name, (note) => this.#answer(name, input, call, () => principal, note)),
    );
  }

  /**
   * Lets a large body come in before it is read, see {@link Broker.admitBody}.
   * @param name of the procedure that it is meant for; undefined: it says so itself.
   * @returns what to call when the body is done with.
   * @throws {SidecarError} `UNAUTHENTICATED`, `TOKEN_*`, `PERMISSION_DENIED`, `RATE_LIMITED`, `OVERLOADED`.
   */
  async admitBody(name: string | undefined, bytes: number, call: DoorCall): Promise<() => void> {
    const { broker } = this.#needs;
    const seen: Seen = { entry: name === undefined ? undefined : this.entry(name), principal: { kind: 'anonymous' } };
    try {
      seen.principal = await broker.authenticate(call.authorization);
      if (seen.entry) broker.authorise(seen.entry, seen.principal);
      return broker.admitBody(name === undefined || seen.entry?.load === 'essential', seen.principal, bytes);
    } catch (cause) {
      const error = this.#outward(cause, name ?? UNKNOWN_PROCEDURE, call);
      void this.#audit(seen, {}, call, error.code);
      throw error;
    }
  }

  /**
   * Lets an answer be made that may be large, see {@link Broker.admitAnswer}. Who may not call at all is told so by the
   * call itself.
   * @returns what to call when the answer has left; at once, without a promise, where nothing has to be waited for.
   * @throws {SidecarError} `RATE_LIMITED`, `CLIENT_CLOSED`.
   */
  admitAnswer(call: DoorCall): (() => void) | Promise<() => void> {
    const { broker } = this.#needs;
    const admit = (principal: Principal): (() => void) | Promise<() => void> =>
      principal.kind === 'anonymous' ? nothing : broker.admitAnswer(principal, call);
    let authenticated: Principal | Promise<Principal>;
    try {
      authenticated = broker.authenticate(call.authorization);
    } catch {
      return nothing;
    }
    if (!(authenticated instanceof Promise)) return admit(authenticated);
    return authenticated.catch((): Principal => ({ kind: 'anonymous' })).then(admit);
  }

  /** Answers a request as a span of its trace. */
  #traced<T>(name: string, answer: (note: Note) => Promise<T>): Promise<T> {
    const { tracer } = this.#needs;
    if (!tracer.isOn) return answer(noteNothing);
    const known = this.#byName.has(name) ? name : UNKNOWN_PROCEDURE;
    return tracer.within({ name: known, kind: 'server' }, answer);
  }

  async #answer(
    name: string,
    input: unknown,
    call: DoorCall,
    authenticate: () => Principal | Promise<Principal>,
    note: Note,
  ): Promise<unknown> {
    const startedMs = performance.now();
    let code = 'OK';
    const seen: Seen = { entry: undefined, principal: { kind: 'anonymous' } };
    try {
      const admission = this.#admit(name, authenticate, seen);
      const { implementation, principal } = admission instanceof Promise ? await admission : admission;
      workFor(projectOf(principal, input));
      if (this.#needs.tracer.isOn) note(whoAsks(principal, call));
      const admitted = this.#needs.broker.admit(implementation.entry, principal, call);
      const release = admitted instanceof Promise ? await admitted : admitted;
      const over = this.#noteCall(principal, name, input);
      // Others are done before it could matter, and nothing is made for them.
      const lifetime = implementation.entry.load === 'waits' ? this.#needs.broker.lifetime(principal) : undefined;
      try {
        const { correlationId } = call;
        const answer = await this.#deadlines.within(implementation.entry, call, async (time) => {
          try {
            this.#needs.disk.mustFit(implementation.entry, input);
            return await run(implementation, input, new TimedCall(principal, correlationId, time, lifetime?.signal));
          } finally {
            // Its place is free when the work is over, not when nobody waits for it any more.
            release();
          }
        });
        if (lifetime?.signal?.aborted) throw lifetime.signal.reason;
        if (this.#needs.checkAnswers) checkAnswer(implementation.entry, answer);
        const recorded = this.#audit(seen, input, call, code);
        if (recorded) await recorded;
        return answer;
      } finally {
        lifetime?.release();
        over();
      }
    } catch (cause) {
      const error = this.#outward(cause, name, call);
      code = error.code;
      void this.#audit(seen, input, call, code);
      throw error;
    } finally {
      const procedure = this.#byName.has(name) ? name : UNKNOWN_PROCEDURE;
      this.#needs.metrics.observeRequest(procedure, code, performance.now() - startedMs);
    }
  }

  /**
   * Opens a subscription: admission and faults of the input come at once, the steps as the log grows. Besides the
   * caller’s own signal, the end of the token’s life ends it, with the typed error thrown to the door: a door builds
   * its context once per connection, so nothing else would notice.
   */
  open(name: string, input: unknown, call: DoorCall): Promise<OpenSubscription> {
    return inCall(contextOf(call), () => this.#traced(name, () => this.#open(name, input, call)));
  }

  async #open(name: string, input: unknown, call: DoorCall): Promise<OpenSubscription> {
    const seen: Seen = { entry: undefined, principal: { kind: 'anonymous' } };
    try {
      const authenticate = (): Principal | Promise<Principal> => this.#needs.broker.authenticate(call.authorization);
      const { implementation, principal } = await this.#admit(name, authenticate, seen);
      workFor(projectOf(principal, input));
      if (!implementation.open || principal.kind === 'anonymous') {
        throw new SidecarError('METHOD_NOT_ALLOWED', `${name} is not a subscription.`);
      }
      const leave = await this.#needs.broker.admit(implementation.entry, principal, call);
      this.#noteCall(principal, name, input)();
      const lifetime = endingWith(this.#needs.broker.lifetime(principal), leave);
      const signal = lifetime.signal ? AbortSignal.any([call.signal, lifetime.signal]) : call.signal;
      const { correlationId } = call;
      const own = currentCall();
      this.#needs.logger.debug({ procedure: name, caller: principalName(principal) }, 'subscription opened');
      try {
        const following = implementation.open(input, { principal, correlationId, signal });
        return {
          steps: () => this.#steps(withinCall(following, own), lifetime, name, call),
          pour: (sink) => inCall(own, () => this.#pour(following, sink, lifetime, name, call)),
        };
      } catch (cause) {
        lifetime.release();
        throw cause;
      }
    } catch (cause) {
      const error = this.#outward(cause, name, call);
      void this.#audit(seen, input, call, error.code);
      throw error;
    }
  }

  async *#steps(
    steps: AsyncGenerator<FollowStep, void, void>,
    lifetime: ReturnType<Broker['lifetime']>,
    name: string,
    call: DoorCall,
  ): AsyncGenerator<FollowStep, void, void> {
    try {
      yield* steps;
      if (lifetime.signal?.aborted) throw lifetime.signal.reason;
    } catch (cause) {
      throw this.#outward(cause, name, call);
    } finally {
      lifetime.release();
    }
  }

  async #pour(
    following: Following,
    sink: Sink,
    lifetime: ReturnType<Broker['lifetime']>,
    name: string,
    call: DoorCall,
  ): Promise<void> {
    try {
      await following.pour(sink);
      if (lifetime.signal?.aborted) throw lifetime.signal.reason;
    } catch (cause) {
      throw this.#outward(cause, name, call);
    } finally {
      lifetime.release();
    }
  }

  #noteCall(principal: Principal, name: string, input: unknown): () => void {
    return principal.kind === 'agent' ? this.#needs.noteCall(principal.agentId, name, input) : () => {};
  }

  /** Lets a call come to what is asked for; at once, without a promise, where it is known who calls. */
  #admit(name: string, authenticate: () => Principal | Promise<Principal>, seen: Seen): Admission | Promise<Admission> {
    const implementation = this.#byName.get(name);
    seen.entry = implementation?.entry;
    if (!implementation) throw new SidecarError('ROUTE_NOT_FOUND', `There is no procedure ${name.slice(0, 100)}.`);
    const admit = (principal: Principal): Admission => {
      seen.principal = principal;
      this.#needs.broker.authorise(implementation.entry, principal);
      return { implementation, principal };
    };
    const principal = authenticate();
    return principal instanceof Promise ? principal.then(admit) : admit(principal);
  }

  /** Puts a call that is over on record; answers what to wait for before it is answered, when there is something. */
  #audit(
    { entry, principal }: Seen,
    input: unknown,
    call: Pick<DoorCall, 'correlationId'>,
    outcome: string,
  ): Promise<void> | undefined {
    const auditing = auditingOf(entry, outcome);
    if (auditing === 'none') return undefined;
    const deed = deedOf(entry, principal, call, input, outcome);
    if (auditing === 'count') {
      this.#needs.audit.count(deed);
      return undefined;
    }
    // What was done is done, also where the disk does not take the note of it.
    return this.#needs.audit
      .record(deed)
      .catch((cause: unknown) => this.#needs.logger.error({ err: cause, deed }, 'a deed could not be put on record'));
  }

  #outward(cause: unknown, name: string, call: Pick<DoorCall, 'correlationId' | 'signal'>): SidecarError {
    if (cause instanceof SidecarError) {
      if (cause.code === 'INTERNAL') this.#log(cause, name, call);
      return cause;
    }
    if (cause instanceof ZodError) return inputInvalid(cause);
    if (call.signal.aborted) return new SidecarError('CLIENT_CLOSED', undefined, { cause });
    this.#log(cause, name, call);
    return diskFault(cause) ?? new SidecarError('INTERNAL', undefined, { cause });
  }

  #log(cause: unknown, name: string, call: Pick<DoorCall, 'correlationId'>): void {
    this.#needs.logger.error({ err: cause, procedure: name, correlation_id: call.correlationId }, 'request failed');
  }
}

/** Calls of one batch share what their door knows of them, but not what is found out of each. */
function contextOf({ correlationId, trace }: DoorCall): CallContext {
  return { correlationId, trace };
}

function run(implementation: Implementation, input: unknown, call: Call): unknown {
  if (isKnown(call)) return implementation.run(input, call);
  if (implementation.runPublic) return implementation.runPublic(input);
  throw new SidecarError('UNAUTHENTICATED');
}

function whoAsks(principal: Principal, { correlationId }: DoorCall): SpanAttributes {
  const caller = principal.kind === 'anonymous' ? principal.kind : principalName(principal);
  return { 'sidecar.caller': caller, 'sidecar.correlation_id': correlationId };
}

/** The life of a token, with something else to be given back at the end of what it is watched for. */
function endingWith(lifetime: ReturnType<Broker['lifetime']>, leave: () => void): ReturnType<Broker['lifetime']> {
  return {
    signal: lifetime.signal,
    release: () => {
      lifetime.release();
      leave();
    },
  };
}

/** Takes each step in the name of the call: a generator runs in that of whoever asks for the next one. */
async function* withinCall(
  following: Following,
  call: CallContext | undefined,
): AsyncGenerator<FollowStep, void, void> {
  const steps = following[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await inCall(call, () => steps.next());
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await steps.return(0);
  }
}

function isKnown(call: Call): call is Call<KnownPrincipal> {
  return call.principal.kind !== 'anonymous';
}

/** An answer that does not fit is our fault and never the caller’s. */
function checkAnswer({ name, output }: Procedure, answer: unknown): void {
  const { error: cause } = output.safeParse(answer);
  if (cause) throw new Error(`the answer of ${name} does not fit the contract`, { cause });
}

function inputInvalid(fault: ZodError): SidecarError {
  const issues = fault.issues.slice(0, MAX_LISTED_FAULTS).map((issue) => ({
    path: issue.path.map((step) => String(step).slice(0, 128)).join('.'),
    message: issue.message.slice(0, 300),
  }));
  const [first] = issues;
  const detail = first ? `${first.path === '' ? 'request' : first.path}: ${first.message}` : 'The request is invalid.';
  return new SidecarError('INPUT_INVALID', detail, { extension: { issues, ...batchIndexOf(fault) } });
}

/** Which event of a batch does not fit, as the refusals by the bus say it. */
function batchIndexOf({ issues }: ZodError): { readonly index?: number } {
  const [field, index] = issues[0]?.path ?? [];
  return field === 'events' && typeof index === 'number' ? { index } : {};
}
