import type { SidecarClient } from '@orchestration-sidecar/sdk';
import {
  SidecarError,
  type Agent,
  type Health,
  type Issue,
  type Status,
  type Workflow,
} from '@orchestration-sidecar/shared';
import { needsOf, type Need } from './attention.ts';
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

/** How long a failed issue is shown, in milliseconds. */
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
  const { issues, agents, budgets, workflows } = inside;
  const needs = issues.flatMap((issue) =>
    needsOf(
      issue,
      workflows.find(({ name }) => name === issue.workflow),
      agents,
    ),
  );
  return { health, status, issues, agents, needs, budgets, blind: undefined };
}

interface Inside {
  readonly issues: readonly Issue[];
  readonly agents: readonly Agent[];
  readonly budgets: readonly BudgetOf[];
  readonly workflows: readonly Workflow[];
}

async function insideOf(client: SidecarClient, nowMs: number): Promise<Inside | string> {
  try {
    const [{ projects }, { workflows }] = await Promise.all([client.projects.list({}), client.workflows.list({})]);
    const each = await Promise.all(projects.map(({ project_id }) => projectOf(client, project_id)));
    const recent = (issue: Issue): boolean =>
      issue.status !== 'failed' || nowMs - Date.parse(issue.updated_at) < FAILED_FOR_MS;
    return {
      workflows,
      issues: each.flatMap(({ issues }) => issues).filter(recent),
      agents: each.flatMap(({ agents }) => agents),
      budgets: each.flatMap(({ budgets }) => budgets),
    };
  } catch (cause) {
    if (cause instanceof SidecarError && cause.status === 401) return cause.detail;
    throw cause;
  }
}

async function projectOf(client: SidecarClient, project_id: string): Promise<Omit<Inside, 'workflows'>> {
  const [issues, agents, budget] = await Promise.all([
    Promise.all(
      (['running', 'paused', 'failed'] as const).map((status) =>
        client.issues.list({ project_id, status, limit: PAGE }),
      ),
    ),
    client.agents.list({ project_id, live: true, limit: MAX_AGENTS }),
    client.projects.budget({ project_id }),
  ]);
  return {
    issues: issues.flatMap((page) => page.issues),
    agents: agents.agents,
    budgets: [{ project_id, budget }],
  };
}
