import {
  SidecarError,
  type Agent,
  type AgentUsage,
  type Profile,
  type ProjectBudget,
} from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import type { AgentStore } from './agent-store.ts';
import type { Failure } from './launchers/index.ts';

/** What the agents of one project may take in any 24 hours; null: any amount. */
export interface ProjectLimits {
  readonly tokens: number | null;
  readonly costUsd: number | null;
  readonly spawns: number | null;
}

/** What the accounting needs. */
export interface SpendNeeds {
  readonly store: AgentStore;
  readonly clock: Clock;
  readonly profiles: { get(agentType: string): Profile | undefined };
  readonly projectLimits: ProjectLimits;
  /** An agent with what only its watch knows of its use. */
  readonly present: (agent: Agent) => Agent;
}

const WINDOW_MS = 24 * 60 * 60 * 1000;
/** From here on a budget is low. */
const LOW_FRACTION = 0.8;
/** Agents are stopped when they have used this much of a project’s budget: what runs at its end may finish first. */
const STOP_FRACTION = 1.2;

/** How far a budget is used. */
export type BudgetLevel = ProjectBudget['level'];

/** How a project’s budget stands. */
export interface Standing {
  readonly level: BudgetLevel;
  /** The share that is used furthest, in words; empty where the level is ok. */
  readonly reason: string;
  /** Why the project may start no further agent now; undefined: it may. */
  readonly refusal: SidecarError | undefined;
}

/** One of the things a budget bounds. */
interface Share {
  readonly name: string;
  readonly used: number;
  readonly reserved: number;
  readonly max: number;
}

/**
 * What agents use, against their own limits and their project’s budget. What a live agent may still use counts as
 * reserved, so that a project’s budget is passed by one agent’s limit at most.
 */
export class Spend {
  readonly #needs: SpendNeeds;

  constructor(needs: SpendNeeds) {
    this.#needs = needs;
  }

  /** What a project has used in the last 24 hours, and what its live agents may still use. */
  budget(projectId: string): ProjectBudget {
    const { store, clock, profiles, projectLimits: max, present } = this.#needs;
    const live = store.liveOf(projectId).map(present);
    const settled = store.spentSince(projectId, clock.nowMs() - WINDOW_MS);
    const tokens = { used: settled.tokens, reserved: 0, max: max.tokens };
    const cost = { used: settled.usd, reserved: 0, max: max.costUsd };
    for (const { agent_type: agentType, usage } of live) {
      const limits = profiles.get(agentType)?.limits;
      const [usedTokens, usedUsd] = [tokensOf(usage), usage.cost_usd ?? 0];
      tokens.used += usedTokens;
      tokens.reserved += Math.max(0, (limits?.tokens ?? 0) - usedTokens);
      cost.used += usedUsd;
      cost.reserved += Math.max(0, (limits?.cost_usd ?? 0) - usedUsd);
    }
    const shares = { tokens, cost_usd: cost, spawns: { used: settled.spawns, reserved: 0, max: max.spawns } };
    return { level: levelOf(sharesOf(shares)).level, hours: 24, ...shares };
  }

  /** How the project’s budget stands now, from one reading of it. */
  standing(projectId: string): Standing {
    const shares = this.#isLimited ? sharesOf(this.budget(projectId)) : [];
    return { ...levelOf(shares), refusal: refusalOf(shares) };
  }

  /** What an agent’s use amounts to: the limit of its own that it passed; undefined: none. */
  passed({ agent_type: agentType }: Agent, usage: AgentUsage): Failure | undefined {
    const limits = this.#needs.profiles.get(agentType)?.limits;
    const tokens = tokensOf(usage);
    const usd = usage.cost_usd ?? 0;
    if (limits && tokens > limits.tokens) {
      return { reason: 'token_limit', detail: `the agent used ${tokens} model tokens of ${limits.tokens}` };
    }
    if (limits && limits.cost_usd !== null && usd > limits.cost_usd) {
      return { reason: 'budget_limit', detail: `the agent used ${usd} US dollars of ${limits.cost_usd}` };
    }
    return undefined;
  }

  get #isLimited(): boolean {
    const { tokens, costUsd, spawns } = this.#needs.projectLimits;
    return tokens !== null || costUsd !== null || spawns !== null;
  }
}

/** The shares that are bounded. */
function sharesOf({ tokens, cost_usd, spawns }: Pick<ProjectBudget, 'tokens' | 'cost_usd' | 'spawns'>): Share[] {
  return [
    { name: 'tokens', ...tokens },
    { name: 'US dollars', ...cost_usd },
    { name: 'agents', ...spawns },
  ].flatMap(({ max, ...share }) => (max === null ? [] : [{ ...share, max }]));
}

function refusalOf(shares: readonly Share[]): SidecarError | undefined {
  for (const share of shares) {
    const { name, used, reserved, max } = share;
    if (used >= max) return new SidecarError('PROJECT_LIMIT_REACHED', `${said(share)}.`);
    if (used + reserved >= max) {
      const detail = `The rest of the project’s ${name} of the day is reserved by agents that run.`;
      return new SidecarError('AGENT_LIMIT_REACHED', detail);
    }
  }
  return undefined;
}

function levelOf(shares: readonly Share[]): { level: BudgetLevel; reason: string } {
  const [furthest] = shares.toSorted((a, b) => b.used / b.max - a.used / a.max);
  if (!furthest || furthest.used < furthest.max * LOW_FRACTION) return { level: 'ok', reason: '' };
  const isPassed = shares.some(({ name, used, max }) => name !== 'agents' && used >= max * STOP_FRACTION);
  const level = isPassed ? 'passed' : furthest.used >= furthest.max ? 'used_up' : 'low';
  return { level, reason: said(furthest) };
}

function said({ name, used, max }: Share): string {
  return `${Math.floor(used)} of ${max} ${name} of the day are used`;
}

function tokensOf({ input_tokens: input, output_tokens: output }: AgentUsage): number {
  return (input ?? 0) + (output ?? 0);
}
