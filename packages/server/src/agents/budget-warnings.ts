import type { Agent } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';
import type { AgentEvent } from './life-cycle.ts';
import type { BudgetLevel, Spend } from './spend.ts';

/** What the warnings need. */
export interface BudgetWarningsNeeds {
  readonly spend: Spend;
  /** Publishes an event of the sidecar’s own. */
  readonly tell: (event: AgentEvent) => Promise<void>;
  readonly logger: Logger;
}

const LEVELS: readonly BudgetLevel[] = ['ok', 'low', 'used_up', 'passed'];
/** What is said at a level; that agents are ended the agents’ own events say. */
const EVENTS = {
  low: 'project_budget_low',
  used_up: 'project_budget_used_up',
  passed: 'project_budget_used_up',
} as const;

/**
 * Warns when little of a project’s budget is left and when none is: once each time it comes to that, and again after a
 * restart of the sidecar.
 */
export class BudgetWarnings {
  readonly #needs: BudgetWarningsNeeds;
  readonly #levels = new Map<string, BudgetLevel>();

  constructor(needs: BudgetWarningsNeeds) {
    this.#needs = needs;
  }

  /**
   * Looks at a project’s budget after an agent of it was admitted or has used something; answers how far it is used.
   * Never throws: where that cannot be known now it is said to be ok, and is looked at again with the next use.
   */
  look({ project_id: projectId, agent_id: agentId }: Pick<Agent, 'project_id' | 'agent_id'>): BudgetLevel {
    try {
      return this.#look(projectId, agentId);
    } catch (cause) {
      this.#needs.logger.warn({ err: cause, project_id: projectId }, 'how far a budget is used could not be read');
      return 'ok';
    }
  }

  #look(projectId: string, agentId: string): BudgetLevel {
    const { spend, tell, logger } = this.#needs;
    const { level, reason } = spend.standing(projectId);
    const before = this.#levels.get(projectId) ?? 'ok';
    this.#levels.set(projectId, level);
    if (level === 'ok' || LEVELS.indexOf(level) <= LEVELS.indexOf(before)) return level;
    const eventType = EVENTS[level];
    if (before !== 'ok' && EVENTS[before] === eventType) return level;
    const data = { level, reason, agent_id: agentId };
    tell({ projectId, topic: 'coordination', eventType, data }).catch((cause: unknown) => {
      // Said the next time somebody looks.
      this.#levels.set(projectId, before);
      logger.warn({ err: cause, project_id: projectId }, 'a warning about a budget could not be published');
    });
    return level;
  }
}
