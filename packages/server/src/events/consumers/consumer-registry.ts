import { LIMITS, SidecarError, type ConsumerInterest, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { Transaction } from '../../storage/writer.ts';
import { compileInterest } from '../filter.ts';
import type { DurableSubscribers } from '../subscribers.ts';
import type { ConsumerDefinition, ConsumerStore } from './consumer-store.ts';
import { DurableConsumer, type ConsumerUser } from './durable-consumer.ts';

/** Which consumer is meant, and by whom. */
export interface ConsumerCall {
  readonly projectId: string;
  readonly name: string;
  readonly user: ConsumerUser;
}

/** All durable consumers in memory, as they are on disk. */
export class ConsumerRegistry implements DurableSubscribers {
  readonly #store: ConsumerStore;
  readonly #projects = new Map<string, Map<string, DurableConsumer>>();

  constructor(store: ConsumerStore) {
    this.#store = store;
    for (const { sequence, lastUsedAtMs, ...definition } of store.all()) {
      const interests = definition.interests.map(understood);
      this.#add(new DurableConsumer({ ...definition, interests }, { sequence, lastUsedAtMs }));
    }
  }

  /** The consumers of a project. */
  of(projectId: string): DurableConsumer[] {
    return [...this.#of(projectId).values()];
  }

  /** The consumer of a name, whoever may use it. */
  find(projectId: string, name: string): DurableConsumer | undefined {
    return this.#of(projectId).get(name);
  }

  /** Events that the consumer furthest behind its project’s log has still to look at; unused ones do not count. */
  furthestBehind(headOf: (projectId: string) => number): number {
    const all = [...this.#projects].flatMap(([projectId, consumers]) => {
      const head = headOf(projectId);
      return [...consumers.values()].map((consumer) => (consumer.unused ? 0 : head - consumer.scanned));
    });
    return Math.max(0, ...all);
  }

  /** @throws {SidecarError} `CONSUMER_NOT_FOUND`, also for one that the caller may not use. */
  require({ projectId, name, user }: ConsumerCall): DurableConsumer {
    const consumer = this.find(projectId, name);
    if (!consumer || !consumer.isFor(user)) {
      throw new SidecarError('CONSUMER_NOT_FOUND', `There is no consumer ${name}.`);
    }
    return consumer;
  }

  /** @throws {SidecarError} `CONSUMER_LIMIT_REACHED`; the consumers of agents do not count. */
  mustHaveRoom(projectId: string): void {
    const made = this.of(projectId).filter(({ definition }) => definition.agentId === null);
    if (made.length >= LIMITS.maxConsumers) throw new SidecarError('CONSUMER_LIMIT_REACHED');
  }

  /** Adds a consumer that starts after a sequence. */
  insert(transaction: Transaction, definition: ConsumerDefinition, sequence: number): void {
    const progress = { sequence, lastUsedAtMs: null };
    this.#store.insert({ ...definition, ...progress });
    const consumer = this.#add(new DurableConsumer(definition, progress));
    transaction.afterRollback(() => void this.#of(definition.projectId).delete(consumer.definition.name));
  }

  /** Removes a consumer with its deliveries; removing one that is not there changes nothing. */
  remove(transaction: Transaction, projectId: string, name: string): void {
    this.#store.remove(projectId, name);
    transaction.afterCommit(() => {
      const consumer = this.find(projectId, name);
      this.#of(projectId).delete(name);
      consumer?.delete();
    });
  }

  agentTypesWanting(event: SidecarEvent): readonly string[] {
    const types: string[] = [];
    for (const { definition, wanted } of this.#projects.get(event.project_id)?.values() ?? []) {
      if (definition.agentType !== null && wanted(event)) types.push(definition.agentType);
    }
    return types;
  }

  #add(consumer: DurableConsumer): DurableConsumer {
    this.#of(consumer.definition.projectId).set(consumer.definition.name, consumer);
    return consumer;
  }

  #of(projectId: string): Map<string, DurableConsumer> {
    const known = this.#projects.get(projectId);
    if (known) return known;
    const made = new Map<string, DurableConsumer>();
    this.#projects.set(projectId, made);
    return made;
  }
}

/** An interest as it was stored. A filter that an earlier version took and this one refuses narrows nothing. */
function understood(interest: ConsumerInterest): ConsumerInterest {
  try {
    compileInterest({ filter: interest.filter ?? undefined });
    return interest;
  } catch (cause) {
    if (!(cause instanceof SidecarError)) throw cause;
    return { ...interest, filter: null };
  }
}
