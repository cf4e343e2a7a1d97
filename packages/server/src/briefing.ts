import { LIMITS } from '@orchestration-sidecar/shared';
import type { Brief } from './api/index.ts';
import type { ContextInjector } from './context/index.ts';
import type { BuildStatus } from './build-status.ts';
import type { Issues } from './issues/index.ts';
import type { Results } from './results/index.ts';

/** Results of the issue that a briefing looks back on. */
const PREVIOUS_RESULTS = 100;

/**
 * Gathers what an agent is shown, whether it asks itself or is being started: the issue and its earlier results are
 * looked up here, so that the context room needs to know neither.
 * @throws {SidecarError} `ISSUE_NOT_FOUND`.
 */
export function createBriefing(rooms: {
  context: ContextInjector;
  issues: Issues;
  results: Results;
  buildStatus: BuildStatus;
}): Brief {
  return async (request) => {
    const { project, issueId, profile, requirements, task, signal } = request;
    const projectId = project.project_id;
    return rooms.context.gather({
      project,
      issue: rooms.issues.require(projectId, issueId),
      profile,
      requirements,
      task,
      previous: rooms.results.list({ projectId, issueId, limit: PREVIOUS_RESULTS }).results,
      lastBuildStatus: rooms.buildStatus.of(projectId),
      maxBytes: request.maxBytes ?? LIMITS.maxContextBytes,
      maxTokens: request.maxTokens,
      signal,
    });
  };
}
