export {
  ConsumerRegistry,
  ConsumerStore,
  type Consumers,
  type ConsumerUser,
  type DeadLetters,
  type Settlement,
} from './consumers/index.ts';
export { EventBus, namingIndex, type Publication, type Reading } from './event-bus.ts';
export type { EventEntry, NewEvent } from './event-entry.ts';
export { EventLog } from './event-log.ts';
export { EventLogMirror } from './event-log-mirror.ts';
export type { Sink } from './fan-out.ts';
export type { Following } from './following.ts';
export type { FollowStep } from './log-reader.ts';
export { openEvents } from './open-events.ts';
export type { Retention } from './retention.ts';
export { Subscribers } from './subscribers.ts';
