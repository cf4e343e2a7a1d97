import type { AgentContext, ContextRequirement, Profile, Project } from '@orchestration-sidecar/shared';
import type { Agents } from '../agents/index.ts';
import type { AuditLog, Broker, SigningKeys, Tokens } from '../broker/index.ts';
import type { ContextInjector } from '../context/index.ts';
import type { Consumers, DeadLetters, EventBus, EventLog, Subscribers } from '../events/index.ts';
import type { Issues } from '../issues/index.ts';
import type { Backups, CleanUp, DiskQuota, Mirrors, Pins } from '../maintenance/index.ts';
import type { ProfileRegistry } from '../agents/profiles/index.ts';
import type { Projects } from '../projects/index.ts';
import type { Results } from '../results/index.ts';
import type { CircuitBreakers } from '../runtime/circuit-breakers.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Engine } from '../workflow/index.ts';
import type { LeveledLogger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracer } from '../telemetry/tracer.ts';

/** How the store is, as far as health and status tell. */
export interface StoreReadings {
  /** Exercises it with a small write and read; answers within half a second. */
  check(): Promise<{
    readonly state: 'healthy' | 'degraded' | 'unhealthy';
    readonly reason: string | null;
    readonly latencyMs: number | null;
  }>;
  /** What was acknowledged and was not there any more at the start, in words; null: nothing is known to be missing. */
  readonly loss: string | null;
  sizeBytes(): number;
  /** Writes that wait for their commit, and how long the oldest has waited. */
  waitingWrites(): number;
  oldestWaitMs(): number;
}

/** Whether calls are served yet, and still. */
export type SidecarPhase = 'starting' | 'ready' | 'stopping';

/** Whom to brief, on what, and how much. */
export interface BriefRequest {
  readonly project: Pick<Project, 'project_id' | 'root'>;
  readonly issueId: string;
  readonly profile: Profile;
  readonly requirements: readonly ContextRequirement[];
  /** Task of the spawn; null when it is for the agent type in general. */
  readonly task: string | null;
  readonly maxBytes?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly signal: AbortSignal;
}

/** Gathers what an agent type is shown of an issue. */
export type Brief = (request: BriefRequest) => Promise<AgentContext>;

/** The rooms of the sidecar as the handlers see them. */
export interface Rooms {
  readonly agents: Agents;
  readonly audit: Pick<AuditLog, 'list' | 'verify'>;
  readonly backups: Backups;
  readonly brief: Brief;
  readonly breakers: Pick<CircuitBreakers, 'readings'>;
  readonly broker: Broker;
  readonly cleanUp: CleanUp;
  readonly clock: Clock;
  readonly consumers: Consumers;
  readonly context: ContextInjector;
  readonly deadLetters: DeadLetters;
  readonly disk: DiskQuota;
  readonly events: EventBus;
  readonly issues: Issues;
  readonly keys: Pick<SigningKeys, 'active' | 'former'>;
  readonly log: EventLog;
  readonly logger: LeveledLogger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly mirrors: Mirrors;
  /** Where the sidecar stands between its start and its end. */
  readonly phase: () => SidecarPhase;
  readonly pins: Pins;
  readonly profiles: ProfileRegistry;
  readonly projects: Projects;
  readonly results: Results;
  /** Base of the REST routes, with `/api`. */
  readonly sidecarUrl: () => string;
  readonly store: StoreReadings;
  readonly subscribers: Subscribers;
  readonly tokens: Tokens;
  readonly version: string;
  readonly workflow: Pick<Engine, 'admit' | 'isBudgetLow' | 'outcome'>;
}
