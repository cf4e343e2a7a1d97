import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { SidecarError } from '@orchestration-sidecar/shared';
import type { AgentPrincipal } from '../runtime/principal.ts';

/** Requests a second that are let through, averaged over the window; 0: any number. */
export interface RateLimitOptions {
  readonly perAgent: number;
  /** All agents of one type in one project together. */
  readonly perAgentType: number;
  readonly perProject: number;
}

const WINDOW_SECONDS = 10;

/**
 * How often agents may call (specification "Broker Component"). An agent’s own limit comes first, so that one gone
 * astray uses up nothing of what its type and project share. The operator is not limited.
 */
export class RateLimits {
  readonly #agent: Limit | undefined;
  readonly #agentType: Limit | undefined;
  readonly #project: Limit | undefined;

  constructor({ perAgent, perAgentType, perProject }: RateLimitOptions) {
    this.#agent = limitOf('agent', perAgent);
    this.#agentType = limitOf('agent_type', perAgentType);
    this.#project = limitOf('project', perProject);
  }

  /**
   * Counts a request.
   * @throws {SidecarError} `RATE_LIMITED` with `limit`, `quota`, `window_seconds` and `retry_after_seconds`.
   */
  async take({ agentId, agentType, projectId }: AgentPrincipal): Promise<void> {
    await this.#agent?.take(agentId);
    await this.#agentType?.take(`${projectId}/${agentType}`);
    await this.#project?.take(projectId);
  }
}

interface Limit {
  take(key: string): Promise<void>;
}

function limitOf(name: string, perSecond: number): Limit | undefined {
  if (perSecond === 0) return undefined;
  const quota = Math.ceil(perSecond * WINDOW_SECONDS);
  const limiter = new RateLimiterMemory({ keyPrefix: name, points: quota, duration: WINDOW_SECONDS });
  return {
    async take(key) {
      try {
        await limiter.consume(key);
      } catch (cause) {
        if (!(cause instanceof RateLimiterRes)) throw cause;
        const seconds = Math.max(1, Math.ceil(cause.msBeforeNext / 1000));
        const whose = name === 'agent' ? 'The agent' : name === 'project' ? 'The project' : 'The agent type';
        throw new SidecarError('RATE_LIMITED', `${whose} has sent ${quota} requests within ${WINDOW_SECONDS} s.`, {
          extension: { limit: name, quota, window_seconds: WINDOW_SECONDS, retry_after_seconds: seconds },
        });
      }
    },
  };
}
