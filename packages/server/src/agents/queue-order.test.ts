import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from './admission.ts';
import { nextInLine, Occupancy, queueOrder, type Ticket } from './queue-order.ts';

let arrivals = 0;
const ticket = (projectId: string, issueId = 'i', agentType = 't'): Ticket => {
  arrivals += 1;
  return { agentId: `a${arrivals}`, projectId, issueId, agentType, parentId: null, arrival: arrivals };
};
const LIMITS = { agents: 100, perProject: 100, perType: 100 };
const projectsOf = (order: readonly { ticket: Ticket }[]): string => order.map((it) => it.ticket.projectId).join('');

test('a project that queues much delays another one by one slot', () => {
  const waiting = [ticket('p'), ticket('p'), ticket('p'), ticket('q'), ticket('p'), ticket('q')];
  expect(projectsOf(queueOrder(waiting, [], LIMITS))).toBe('pqpqpp');
});

test('the project that has fewest running goes first, within it the issue that has', () => {
  const running = [ticket('p', 'x'), ticket('p', 'x'), ticket('q')];
  const waiting = [ticket('p', 'x'), ticket('p', 'y'), ticket('q')];
  const order = queueOrder(waiting, running, LIMITS).map((it) => `${it.ticket.projectId}${it.ticket.issueId}`);
  expect(order).toEqual(['qi', 'py', 'px']);
});

test('who is kept back by a limit of its own lets others pass', () => {
  const waiting = [ticket('p', 'i', 'busy'), ticket('p', 'i', 'free')];
  const order = queueOrder(waiting, [ticket('q', 'i', 'busy')], { ...LIMITS, perType: 1 });
  expect(order.map((it) => [it.ticket.agentType, it.waitsFor])).toEqual([
    ['free', 'slot'],
    ['busy', 'type'],
  ]);
});

const Tickets = fc.array(
  fc.record({
    projectId: fc.constantFrom('p', 'q', 'r'),
    issueId: fc.constantFrom('i', 'j', null),
    agentType: fc.constantFrom('t', 'u'),
  }),
  { maxLength: 30 },
);
const Limits = fc.record({
  agents: fc.integer({ min: 1, max: 10 }),
  perProject: fc.integer({ min: 1, max: 10 }),
  perType: fc.integer({ min: 1, max: 10 }),
});
const numbered = (tickets: readonly Omit<Ticket, 'agentId' | 'parentId' | 'arrival'>[]): Ticket[] =>
  tickets.map((it, index) => ({ ...it, agentId: `n${index}`, parentId: null, arrival: index }));

test('the order names everyone once, keeps lanes in order, and begins with whoever is next', () => {
  fc.assert(
    fc.property(Tickets, Limits, (drafts, limits) => {
      const waiting = numbered(drafts);
      const order = queueOrder(waiting, [], limits).map((it) => it.ticket);
      expect(order.map((it) => it.agentId).toSorted()).toEqual(waiting.map((it) => it.agentId).toSorted());
      for (const [index, early] of order.entries()) {
        const overtaken = order.slice(index + 1).filter((late) => late.arrival < early.arrival);
        for (const late of overtaken) {
          expect([late.projectId, late.issueId, late.agentType]).not.toEqual([
            early.projectId,
            early.issueId,
            early.agentType,
          ]);
        }
      }
      expect(nextInLine(waiting, new Occupancy([]), limits)).toEqual(order[0]);
    }),
  );
});

test('no limit is ever passed, and no slot stays free that somebody ready could take', () => {
  const Step = fc.oneof(
    fc.record({ do: fc.constant('enter' as const), agent: Tickets.filter((it) => it.length > 0) }),
    fc.record({ do: fc.constantFrom('leave' as const, 'rest' as const, 'rested' as const), pick: fc.nat(50) }),
  );
  fc.assert(
    fc.property(Limits, fc.array(Step, { maxLength: 60 }), (limits, steps) => {
      const admission = new Admission({ ...limits, queued: 20, depth: 5, children: 5 });
      const running = new Map<string, Ticket>();
      const waiting = new Map<string, Ticket>();
      const resting = new Set<string>();
      const refusedAt: number[] = [];
      let made = 0;
      const pump = (): void => {
        for (let id = admission.next(); id !== undefined; id = admission.next()) {
          const started = waiting.get(id);
          expect(started && !resting.has(id)).toBeTruthy();
          if (started) running.set(id, started);
          waiting.delete(id);
        }
      };
      for (const step of steps) {
        if (step.do === 'enter') {
          for (const draft of step.agent) {
            made += 1;
            const agent = { ...draft, agentId: `m${made}`, parentId: null, arrival: made };
            if (admission.refusal(agent, 1)) refusedAt.push(waiting.size);
            else (admission.enter(agent, 1) === 'slot' ? running : waiting).set(agent.agentId, agent);
          }
        } else if (step.do === 'rested') {
          for (const id of resting) admission.rested(id);
          resting.clear();
        } else {
          const [id, agent] = [...running][step.pick % Math.max(1, running.size)] ?? [];
          if (id === undefined || !agent) continue;
          running.delete(id);
          if (step.do === 'leave') admission.leave(id);
          else {
            admission.rest(agent);
            waiting.set(id, agent);
            resting.add(id);
          }
        }
        pump();
        const occupancy = new Occupancy(running.values());
        expect(running.size).toBeLessThanOrEqual(limits.agents);
        for (const agent of running.values()) {
          expect(occupancy.ofProject(agent)).toBeLessThanOrEqual(limits.perProject);
          expect(occupancy.ofType(agent)).toBeLessThanOrEqual(limits.perType);
        }
        const ready = [...waiting.values()].filter((agent) => !resting.has(agent.agentId));
        for (const agent of ready) expect(occupancy.obstacle(agent, limits)).toBeDefined();
        for (const size of refusedAt) expect(size).toBeGreaterThanOrEqual(20);
      }
    }),
  );
});

test('depth and fan-out are refused before a place is taken', () => {
  const admission = new Admission({ ...LIMITS, queued: 10, depth: 2, children: 1 });
  const child = { agentId: 'c1', projectId: 'p', issueId: 'i', agentType: 't', parentId: 'parent' };
  expect(() => admission.enter(child, 3)).toThrow(/SPAWN_DEPTH_EXCEEDED/);
  expect(admission.enter(child, 2)).toBe('slot');
  expect(() => admission.enter({ ...child, agentId: 'c2' }, 2)).toThrow(/FAN_OUT_EXCEEDED/);
  admission.leave('c1');
  expect(admission.enter({ ...child, agentId: 'c2' }, 2)).toBe('slot');
});
