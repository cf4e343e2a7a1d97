import type { z } from 'zod';
import { contract, SidecarError } from '@orchestration-sidecar/shared';
import type { ConsumerUser, Settlement } from '../../events/index.ts';
import { principalName, type KnownPrincipal } from '../../runtime/principal.ts';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function consumerProcedures(rooms: Rooms): Implementations<typeof contract.consumers> {
  const { consumers, projects } = rooms;
  const callOf = (principal: KnownPrincipal, input: { consumer: string; project_id?: string | undefined }) => ({
    projectId: projects.meantBy(principal, input.project_id).project_id,
    name: input.consumer,
    user: userOf(principal),
  });

  const settlementOf = (
    principal: KnownPrincipal,
    input: z.output<typeof contract.consumers.ack.input>,
  ): Settlement => ({
    ...callOf(principal, input),
    leases: input.leases,
    idempotencyKey: input.idempotency_key,
  });

  return {
    create: implement(contract.consumers.create, (input, { principal }) => {
      const { projectId, name } = callOf(principal, input);
      return consumers.create({
        projectId,
        name,
        agentType: agentTypeFor(principal, input.agent_type),
        eventType: input.event_type,
        topic: input.topic,
        filter: input.filter,
        cursor: input.cursor,
        ackDeadlineMs: input.ack_deadline_ms,
        maxDeliveries: input.max_deliveries,
      });
    }),
    list: implement(contract.consumers.list, (input, { principal }) => {
      const { project_id: projectId } = projects.meantBy(principal, input.project_id);
      return { consumers: consumers.list(projectId, userOf(principal)), next_cursor: null };
    }),
    consume: implement(contract.consumers.consume, async (input, { principal, signal }) => {
      const member = input.member ?? principalName(principal);
      const { limit, timeout: timeoutMs } = input;
      const deliveries = await consumers.consume({ ...callOf(principal, input), member, limit, timeoutMs }, signal);
      return { deliveries, timeout: deliveries.length === 0 };
    }),
    ack: implement(contract.consumers.ack, async (input, { principal }) => {
      const { acknowledged, lost } = await consumers.ack(settlementOf(principal, input));
      return { acknowledged, lost };
    }),
    nack: implement(contract.consumers.nack, async (input, { principal }) => {
      const { returned, dead, lost } = await consumers.nack(settlementOf(principal, input), {
        outcome: input.refuse ? 'refused' : 'nack',
        detail: input.reason ?? null,
        delayMs: input.delay_ms,
      });
      return { returned, dead_letters: dead, lost };
    }),
    delete: implement(contract.consumers.delete, async (input, { principal }) => {
      await consumers.delete(callOf(principal, input));
      return { deleted: true } as const;
    }),
  };
}

export function deadLetterProcedures(rooms: Rooms): Implementations<typeof contract.deadLetters> {
  const { consumers, deadLetters, projects } = rooms;
  const projectOf = (principal: KnownPrincipal, input: { project_id?: string | undefined }): string =>
    projects.meantBy(principal, input.project_id).project_id;

  return {
    list: implement(contract.deadLetters.list, (input, { principal }) => {
      const { consumer, reason, limit, cursor } = input;
      const projectId = projectOf(principal, input);
      return deadLetters.list({ projectId, user: userOf(principal), consumer, reason, limit, cursor });
    }),
    get: implement(contract.deadLetters.get, (input, { principal }) => {
      const stored = deadLetters.require(projectOf(principal, input), input.dead_letter_id, userOf(principal));
      return stored.deadLetter;
    }),
    redrive: implement(contract.deadLetters.redrive, async (input, { principal }) => {
      const projectId = projectOf(principal, input);
      const { event, consumer } = await consumers.redrive(projectId, input.dead_letter_id, userOf(principal));
      return { redriven: true, event_id: event.event_id, consumer } as const;
    }),
    drop: implement(contract.deadLetters.drop, async (input, { principal }) => {
      await deadLetters.drop(projectOf(principal, input), input.dead_letter_id, userOf(principal));
      return { dropped: true } as const;
    }),
  };
}

function userOf(principal: KnownPrincipal): ConsumerUser {
  return principal.kind === 'operator' ? null : principal;
}

/** Whose members may use a new consumer: the maker’s own kind, unless the operator names another. */
function agentTypeFor(principal: KnownPrincipal, named: string | undefined): string | null {
  if (principal.kind === 'operator') return named ?? null;
  if (named !== undefined && named !== principal.agentType) {
    throw new SidecarError('AGENT_TYPE_FORBIDDEN', 'An agent makes consumers for its own agent type.');
  }
  return principal.agentType;
}
