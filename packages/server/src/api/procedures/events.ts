import type { z } from 'zod';
import { contract, SidecarError, type EventDraft } from '@orchestration-sidecar/shared';
import { namingIndex, type Following, type Publication, type Reading } from '../../events/index.ts';
import { principalName, principalType, type KnownPrincipal } from '../../runtime/principal.ts';
import { implement, implementStream, type Call, type Implementations } from '../implement.ts';
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

  const follow = (
    input: z.output<typeof contract.events.subscribe.input>,
    { principal, signal }: Call<KnownPrincipal>,
  ): Following =>
    // Clients that have seen nothing yet may send an empty id.
    events.subscribe(reading(principal, input, isGiven(input.lastEventId) ? input.lastEventId : input.cursor), signal);

  /** Topic of an event, which its publisher may publish there. */
  const topicOf = (draft: EventDraft, principal: KnownPrincipal): string => {
    const topic = draft.topic ?? homeTopic(rooms, principal);
    broker.authorisePublish(principal, draft, topic);
    return topic;
  };

  return {
    publish: implement(contract.events.publish, (draft, call) => {
      const topic = topicOf(draft, call.principal);
      const { project_id: projectId } = projects.meantBy(call.principal, draft.project_id);
      return events.publish(publication(draft, { projectId, topic }, call));
    }),
    publishMany: implement(contract.events.publishMany, async (input, call) => {
      const { project_id: projectId } = projects.meantBy(
        call.principal,
        input.project_id ?? input.events[0]?.project_id,
      );
      const publications = input.events.map((draft, index) =>
        namingIndex(index, () => {
          if (draft.project_id !== undefined && draft.project_id !== projectId) {
            throw new SidecarError('INPUT_INVALID', 'project_id: all events of a batch belong to one project');
          }
          return publication(draft, { projectId, topic: topicOf(draft, call.principal) }, call);
        }),
      );
      const caller = principalName(call.principal);
      const published = await events.publishMany({
        projectId,
        caller,
        publications,
        idempotencyKey: input.idempotency_key,
      });
      return { published };
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
    subscribe: implementStream(contract.events.subscribe, follow),
    subscribeMany: implementStream(contract.events.subscribeMany, follow),
  };
}

/** An event as its publisher may publish it. */
function publication(
  draft: EventDraft & { readonly idempotency_key?: string | undefined },
  { projectId, topic }: Pick<Publication, 'projectId' | 'topic'>,
  { principal, correlationId }: Call<KnownPrincipal>,
): Publication {
  return {
    projectId,
    eventType: draft.event_type,
    topic,
    publisher: principal.kind === 'operator' ? (draft.publisher ?? principalName(principal)) : principal.agentId,
    publisherType: principalType(principal),
    data: draft.data,
    correlationId: draft.correlation_id ?? correlationId,
    round: draft.round,
    references: draft.references,
    ttlSeconds: draft.ttl_seconds,
    timestamp: draft.timestamp,
    nonce: draft.nonce,
    idempotencyKey: draft.idempotency_key,
  };
}

/** Where an event goes that names no topic: the first that the publisher’s profile publishes to. */
function homeTopic({ profiles }: Rooms, principal: KnownPrincipal): string {
  const topic = principal.kind === 'operator' ? 'coordination' : profiles.get(principal.agentType)?.publishes[0]?.topic;
  if (topic === undefined)
    throw new SidecarError('INPUT_INVALID', 'topic: this agent type has no topic of its own; name one');
  return topic;
}

function isGiven(id: string | null | undefined): id is string {
  return id !== undefined && id !== null && id !== '';
}
