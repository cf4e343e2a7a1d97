import { LIMITS } from '@orchestration-sidecar/shared';
import type { Brief } from './api/index.ts';
import type { ContextInjector } from './context/index.ts';
import type { BuildStatus } from './build-status.ts';
import type { Issues } from './issues/index.ts';
import type { Results } from './results/index.ts';
import type { Tracer } from './telemetry/tracer.ts';

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
  tracer: Tracer;
}): Brief {
  return async (request) => {
    const { project, issueId, profile, requirements, task, signal } = request;
    const projectId = project.project_id;
    const attributes = { 'sidecar.issue_id': issueId, 'sidecar.agent_type': profile.agent_type };
    return rooms.tracer.within({ name: 'context', attributes }, async (note) => {
      const context = await rooms.context.gather({
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
      note({ 'sidecar.cache_hit': context.cache_hit });
      return context;
    });
  };
}
