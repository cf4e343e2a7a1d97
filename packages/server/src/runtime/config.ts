import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { LIMITS } from '@orchestration-sidecar/shared';
import type { Environment } from './environment.ts';

export { processEnvironment, type Environment } from './environment.ts';

/** How one sidecar is set up. Every field has a default except the data directory’s place, which is derived. */
export interface Config {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host: string;
  /** Port to listen on; 0 picks a free one. Default 3001. */
  readonly port: number;
  /** Directory of the store, the mirrors and the keys; absolute. */
  readonly dataDir: string;
  /** Repository to register as the default project; absolute, or null. */
  readonly project: string | null;
  /** Folder of the user’s own profiles and workflows; absolute, or null. */
  readonly profilesDir: string | null;
  /** `error`, `warn`, `info`, `debug` or `silent`. Default `info`. */
  readonly logLevel: LogLevel;
  /** Agents alive at once. Default 119. */
  readonly maxAgents: number;
  /** Agents alive at once in one project. Default: `maxAgents`. */
  readonly maxAgentsPerProject: number;
  /** Agents alive at once of one agent type. Default: `maxAgents`. */
  readonly maxAgentsPerType: number;
  /** Agents that may wait for a slot; more are refused. Default 1,000. */
  readonly maxQueuedAgents: number;
  /** Longest chain of agents that start agents. Default 5. */
  readonly maxAgentDepth: number;
  /** Live agents that one agent may have started. Default 32. */
  readonly maxAgentChildren: number;
  /** Bytes the context cache may hold in memory. Default 1 GB (specification "Storage Component"). */
  readonly contextCacheMaxBytes: number;
  /** Origins a browser may call from. Default none. */
  readonly allowedOrigins: readonly string[];
}

/** Log level, least to most talkative. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

const Settings = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.coerce.number().int().min(0).max(65_535).default(3001),
  dataDir: z.string().min(1).optional(),
  project: z.string().min(1).optional(),
  profilesDir: z.string().min(1).optional(),
  logLevel: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
  maxAgents: z.coerce.number().int().min(1).max(10_000).default(LIMITS.maxAgents),
  maxAgentsPerProject: z.coerce.number().int().min(1).max(10_000).optional(),
  maxAgentsPerType: z.coerce.number().int().min(1).max(10_000).optional(),
  maxQueuedAgents: z.coerce.number().int().min(0).max(100_000).default(1000),
  maxAgentDepth: z.coerce.number().int().min(1).max(100).default(5),
  maxAgentChildren: z.coerce.number().int().min(0).max(10_000).default(32),
  contextCacheMaxBytes: z.coerce.number().int().min(0).default(1_000_000_000),
  allowedOrigins: z.array(z.url()).default([]),
});

/** Settings as flags give them; what is left out comes from the environment, then from the defaults. */
export type ConfigFlags = Partial<z.input<typeof Settings>>;

/** A setting that cannot be used, in words for the person who made it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the configuration: flags over `SIDECAR_*` environment over defaults.
 * @throws {ConfigError} naming the setting that cannot be used.
 */
export function loadConfig(flags: ConfigFlags, environment: Environment, cwd: string): Config {
  const origins = environment['SIDECAR_ALLOWED_ORIGINS'];
  const parsed = Settings.safeParse({
    ...defined({
      host: environment['SIDECAR_HOST'],
      port: environment['SIDECAR_PORT'],
      dataDir: environment['SIDECAR_DATA_DIR'],
      project: environment['SIDECAR_PROJECT'],
      profilesDir: environment['SIDECAR_PROFILES'],
      logLevel: environment['SIDECAR_LOG_LEVEL'],
      maxAgents: environment['SIDECAR_MAX_AGENTS'],
      maxAgentsPerProject: environment['SIDECAR_MAX_AGENTS_PER_PROJECT'],
      maxAgentsPerType: environment['SIDECAR_MAX_AGENTS_PER_TYPE'],
      maxQueuedAgents: environment['SIDECAR_MAX_QUEUED_AGENTS'],
      maxAgentDepth: environment['SIDECAR_MAX_AGENT_DEPTH'],
      maxAgentChildren: environment['SIDECAR_MAX_AGENT_CHILDREN'],
      contextCacheMaxBytes: environment['SIDECAR_CONTEXT_CACHE_MAX_BYTES'],
      allowedOrigins: origins === undefined || origins === '' ? undefined : origins.split(','),
    }),
    ...defined(flags),
  });
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    throw new ConfigError(`${first?.path.join('.') ?? 'configuration'}: ${first?.message ?? 'invalid'}`);
  }
  const { dataDir, project, profilesDir, ...rest } = parsed.data;
  return {
    ...rest,
    maxAgentsPerProject: rest.maxAgentsPerProject ?? rest.maxAgents,
    maxAgentsPerType: rest.maxAgentsPerType ?? rest.maxAgents,
    dataDir: resolve(cwd, dataDir ?? defaultDataDir(environment)),
    project: project === undefined ? null : resolve(cwd, project),
    profilesDir: profilesDir === undefined ? null : resolve(cwd, profilesDir),
  };
}

/** `$XDG_STATE_HOME/orchestration-sidecar`, else `~/.local/state/orchestration-sidecar` (DECISIONS 2). */
export function defaultDataDir(environment: Environment): string {
  const own = environment['SIDECAR_DATA_DIR'];
  if (own) return own;
  const state = environment['XDG_STATE_HOME'];
  const base = state?.startsWith('/') ? state : join(environment['HOME'] ?? homedir(), '.local', 'state');
  return join(base, 'orchestration-sidecar');
}

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== ''));
}
