export { Consumers } from './consumers.ts';
export { ConsumerRegistry, type ConsumerUser } from './consumer-registry.ts';
export { ConsumerStore } from './consumer-store.ts';
export { DeadLetterStore } from './dead-letter-store.ts';
export { DeadLetters } from './dead-letters.ts';
