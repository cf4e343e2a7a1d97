import type { SidecarClient } from '@orchestration-sidecar/sdk';
import {
  SidecarError,
  type Agent,
  type Health,
  type Issue,
  type Status,
  type Workflow,
} from '@orchestration-sidecar/shared';
import { failuresOf, needsOf, needsOfSidecar, type Need } from './attention.ts';
import type { BudgetOf } from './render/budget.ts';

/** How everything in a sidecar stands. */
export interface Snapshot {
  readonly health: Health;
  readonly status: Status;
  /** Issues that are under way, and those that failed within a day, newest first. */
  readonly issues: readonly Issue[];
  /** Agents that are alive. */
  readonly agents: readonly Agent[];
  readonly needs: readonly Need[];
  /** What each project used of what it may take. */
  readonly budgets: readonly BudgetOf[];
  /** Why nothing is known of issues and agents; undefined when it is. */
  readonly blind: string | undefined;
}

/** How long a failed issue or agent is shown, in milliseconds. */
const FAILED_FOR_MS = 24 * 3_600_000;
const PAGE = 100;
const MAX_AGENTS = 1000;

/** Asks how everything stands. Without a token that is accepted it answers what is public. */
export async function takeSnapshot(client: SidecarClient, nowMs: number): Promise<Snapshot> {
  const [health, status, inside] = await Promise.all([
    client.system.health({}),
    client.system.status({}),
    insideOf(client, nowMs),
  ]);
  if (typeof inside === 'string') {
    return { health, status, issues: [], agents: [], needs: [], budgets: [], blind: inside };
  }
  const { issues, unguided, agents, failed, budgets, workflows } = inside;
  const needs = [
    ...needsOfSidecar(health, status),
    ...issues.flatMap((issue) =>
      needsOf(
        issue,
        workflows.find(({ name }) => name === issue.workflow),
        agents,
      ),
    ),
    ...unguided.flatMap((issue) => failuresOf(issue, failed)),
  ];
  return { health, status, issues, agents, needs, budgets, blind: undefined };
}

interface Inside {
  readonly issues: readonly Issue[];
  /** Open issues that no workflow moves. */
  readonly unguided: readonly Issue[];
  readonly agents: readonly Agent[];
  /** Agents that failed within a day. */
  readonly failed: readonly Agent[];
  readonly budgets: readonly BudgetOf[];
  readonly workflows: readonly Workflow[];
}

async function insideOf(client: SidecarClient, nowMs: number): Promise<Inside | string> {
  try {
    const [{ projects }, { workflows }] = await Promise.all([client.projects.list({}), client.workflows.list({})]);
    const each = await Promise.all(projects.map(({ project_id }) => projectOf(client, project_id)));
    const recent = (at: string | null): boolean => at !== null && nowMs - Date.parse(at) < FAILED_FOR_MS;
    return {
      workflows,
      issues: each
        .flatMap(({ issues }) => issues)
        .filter(({ status, updated_at }) => status !== 'failed' || recent(updated_at)),
      unguided: each.flatMap(({ unguided }) => unguided),
      agents: each.flatMap(({ agents }) => agents),
      failed: each.flatMap(({ failed }) => failed).filter(({ ended_at }) => recent(ended_at)),
      budgets: each.flatMap(({ budgets }) => budgets),
    };
  } catch (cause) {
    if (cause instanceof SidecarError && cause.status === 401) return cause.detail;
    throw cause;
  }
}

async function projectOf(client: SidecarClient, project_id: string): Promise<Omit<Inside, 'workflows'>> {
  const [issues, open, agents, failed, budget] = await Promise.all([
    Promise.all(
      (['running', 'paused', 'failed'] as const).map((status) =>
        client.issues.list({ project_id, status, limit: PAGE }),
      ),
    ),
    client.issues.list({ project_id, status: 'open', limit: PAGE }),
    client.agents.list({ project_id, live: true, limit: MAX_AGENTS }),
    client.agents.list({ project_id, state: 'failed', limit: PAGE }),
    client.projects.budget({ project_id }),
  ]);
  return {
    issues: issues.flatMap((page) => page.issues),
    unguided: open.issues.filter(({ workflow }) => workflow === null),
    agents: agents.agents,
    failed: failed.agents,
    budgets: [{ project_id, budget }],
  };
}
