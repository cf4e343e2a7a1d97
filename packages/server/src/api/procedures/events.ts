import { contract, SidecarError } from '@orchestration-sidecar/shared';
import type { Reading } from '../../events/index.ts';
import { principalName, principalType, type KnownPrincipal } from '../../runtime/principal.ts';
import { implement, implementStream, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function eventProcedures(rooms: Rooms): Implementations<typeof contract.events> {
  const { broker, events, projects } = rooms;

  /** Reading of the project that the caller means. */
  const reading = (
    principal: KnownPrincipal,
    input: {
      project_id?: string | undefined;
      event_type?: string | undefined;
      topic?: string | undefined;
      filter?: string | undefined;
    },
    cursor: string | undefined,
  ): Reading => ({
    projectId: projects.meantBy(principal, input.project_id).project_id,
    agentType: principal.kind === 'agent' ? principal.agentType : null,
    eventType: input.event_type,
    topic: input.topic,
    filter: input.filter,
    cursor,
  });

  return {
    publish: implement(contract.events.publish, (input, { principal, correlationId }) => {
      const topic = input.topic ?? homeTopic(rooms, principal);
      broker.authorisePublish(principal, { ...input, topic });
      const { project_id: projectId } = projects.meantBy(principal, input.project_id);
      return events.publish({
        projectId,
        eventType: input.event_type,
        topic,
        publisher: principal.kind === 'operator' ? (input.publisher ?? principalName(principal)) : principal.agentId,
        publisherType: principalType(principal),
        data: input.data,
        correlationId: input.correlation_id ?? correlationId,
        round: input.round,
        references: input.references,
        ttlSeconds: input.ttl_seconds,
        idempotencyKey: input.idempotency_key,
        timestamp: input.timestamp,
        nonce: input.nonce,
      });
    }),
    wait: implement(contract.events.wait, (input, { principal, signal }) =>
      events.wait({ ...reading(principal, input, input.cursor), timeoutMs: input.timeout, limit: input.limit }, signal),
    ),
    list: implement(contract.events.list, (input, { principal, signal }) =>
      events.list(
        {
          ...reading(principal, input, input.after),
          until: input.until,
          since: input.since,
          before: input.before,
          limit: input.limit,
        },
        signal,
      ),
    ),
    subscribe: implementStream(contract.events.subscribe, (input, { principal, signal }) =>
      events.follow(reading(principal, input, input.lastEventId ?? input.cursor), signal),
    ),
  };
}

/** Where an event goes that names no topic: the first that the publisher’s profile publishes to. */
function homeTopic({ profiles }: Rooms, principal: KnownPrincipal): string {
  const topic = principal.kind === 'operator' ? 'coordination' : profiles.get(principal.agentType)?.publishes[0]?.topic;
  if (topic === undefined)
    throw new SidecarError('INPUT_INVALID', 'topic: this agent type has no topic of its own; name one');
  return topic;
}
