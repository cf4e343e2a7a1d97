export {
  Agent,
  type AgentOptions,
  type EventPublished,
  type Interest,
  type PublishOptions,
  type ResultInput,
  type ResultStored,
  type WaitOptions,
} from './agent.ts';
export type { CallOptions } from './caller.ts';
export { createSidecarClient, type SidecarClient, type SidecarClientOptions } from './client.ts';
export type { Clock, Timer } from './clock.ts';
export type { AgentEnvironment } from './environment.ts';
export type { WorkOptions } from './heartbeat.ts';
export { isGapError, type GapError } from './errors.ts';
export type { MethodOf, OptionsOf, Resources } from './resources.ts';
export type { Handed, Queued } from './outbox.ts';
export type { SubscribeOptions, Subscription, SubscriptionState } from './subscription.ts';
export { DEFAULT_URL } from './sidecar-url.ts';
export { fromProblem, SidecarError } from '@orchestration-sidecar/shared';
export type {
  AgentContext,
  Contract,
  ErrorCode,
  InputOf,
  JsonObject,
  JsonValue,
  OutputOf,
  Problem,
  SidecarEvent,
  StoredResult,
} from '@orchestration-sidecar/shared';
