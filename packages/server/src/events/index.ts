export { EventBus, type EventPage, type Publication, type Published, type Reading } from './event-bus.ts';
export type { EventEntry, NewEvent } from './event-entry.ts';
export { EventLog } from './event-log.ts';
export { EventLogMirror } from './event-log-mirror.ts';
export { compileInterest, type EventPredicate, type Interest } from './filter.ts';
export type { FollowStep } from './follow.ts';
export { Subscribers } from './subscribers.ts';
export { SubscriptionStore } from './subscription-store.ts';
