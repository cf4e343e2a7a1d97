export { Consumers, type Settlement } from './consumers.ts';
export { ConsumerRegistry } from './consumer-registry.ts';
export type { ConsumerUser } from './durable-consumer.ts';
export { ConsumerStore } from './consumer-store.ts';
export { DeadLetterStore } from './dead-letter-store.ts';
export { DeadLetters } from './dead-letters.ts';
