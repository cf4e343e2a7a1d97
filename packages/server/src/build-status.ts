import { LIMITS, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { EventLog } from './events/index.ts';

/** What an event says about the project’s build; undefined: nothing. */
function saidBy({ event_type: eventType, topic, data }: SidecarEvent): string | undefined {
  if (typeof data['build_status'] === 'string') return data['build_status'].slice(0, 64);
  if (/^(build|tests|deployment)_(passing|passed|succeeded|complete)$/.test(eventType)) {
    return data['status'] === 'failure' ? 'failure' : 'success';
  }
  const failed = /^(build|tests|deployment)_(failing|failed)$/.test(eventType);
  return failed || (eventType === 'work_failed' && topic === 'testing') ? 'failure' : undefined;
}

/** How each project’s last build went, as its newest events tell (results are announced as events). */
export class BuildStatus {
  readonly #log: EventLog;
  readonly #known = new Map<string, string | null>();
  readonly #stop: () => void;

  constructor(log: EventLog) {
    this.#log = log;
    this.#stop = log.onCommit((projectId, entries) => {
      for (const { event } of entries) {
        const said = saidBy(event);
        if (said !== undefined) this.#known.set(projectId, said);
      }
    });
  }

  /** Null when nothing in the newest events says so. */
  of(projectId: string): string | null {
    const known = this.#known.get(projectId);
    if (known !== undefined) return known;
    const newest = this.#log.tail(projectId, Math.max(0, this.#log.head(projectId) - LIMITS.ringEvents));
    const said = newest.map(saidBy).findLast((status) => status !== undefined) ?? null;
    this.#known.set(projectId, said);
    return said;
  }

  /** Stops listening. */
  close(): void {
    this.#stop();
  }
}
