export { Consumers, type AgentConsumer, type ConsumeRequest, type NewConsumer } from './consumers.ts';
export { ConsumerRegistry, type ConsumerCall, type ConsumerUser } from './consumer-registry.ts';
export { ConsumerStore } from './consumer-store.ts';
export { DeadLetterStore } from './dead-letter-store.ts';
export { DeadLetters, type DeadLetterQuery } from './dead-letters.ts';
