import type { Setting } from './setting.ts';

const RATE = { kind: 'number', group: 'access', min: 0, max: 1_000_000 } as const;
const BUDGET = { kind: 'integer', group: 'agents', min: 0, max: 1_000_000_000_000, default: null } as const;
const RETENTION = { kind: 'number', group: 'store', min: 0.01, max: 36_500, default: 30 } as const;
const AGENTS = { kind: 'integer', group: 'agents', min: 1, max: 10_000 } as const;

/**
 * Every setting there is: the one table that flags, environment, configuration file, `sidecar config show`, the JSON
 * Schema and docs/configuration.md are made from. Nothing is imported here, so that the help of the command can read it.
 */
export const SETTINGS = {
  host: {
    kind: 'text',
    group: 'server',
    summary: 'Address to listen on.',
    default: '127.0.0.1',
  },
  port: {
    kind: 'integer',
    group: 'server',
    summary: 'Port to listen on; 0 picks a free one.',
    min: 0,
    max: 65_535,
    default: 3001,
  },
  allowedOrigins: {
    kind: 'list',
    group: 'server',
    summary: 'Origins whose pages a browser may call from.',
    form: { pattern: /^https?:\/\/[^/\s]+$/, says: 'an origin such as https://example.org' },
    default: [],
  },
  allowedHosts: {
    kind: 'list',
    group: 'server',
    summary: 'Names that other machines call this one by; loopback names and the address listened on always pass.',
    form: { pattern: /^[A-Za-z0-9.:-]+$/, says: 'a host name or an address, without a port' },
    default: [],
  },
  allowPlaintext: {
    kind: 'boolean',
    group: 'server',
    summary: 'Listen without TLS on an address that other machines reach; tokens then cross the network in the clear.',
    default: false,
  },
  tlsCert: {
    kind: 'path',
    group: 'server',
    summary:
      'Certificate (PEM, with those between it and its root) to speak TLS 1.3 and HTTP/2 with; read again when it changes.',
    default: null,
  },
  tlsKey: {
    kind: 'path',
    group: 'server',
    summary: 'Private key (PEM) of the certificate.',
    default: null,
  },
  tlsCa: {
    kind: 'path',
    group: 'server',
    summary:
      'Certificates (PEM) by which agents and commands trust the sidecar. Without it they trust `tlsCert` itself.',
    default: null,
  },
  socket: {
    kind: 'path',
    group: 'server',
    summary: 'Unix socket to listen on as well; only its user can connect.',
    default: null,
  },
  maxConnections: {
    kind: 'integer',
    group: 'server',
    summary: 'Open connections; further ones are closed at once.',
    min: 16,
    max: 1_000_000,
    default: 16_384,
  },
  keyMaxAgeDays: {
    kind: 'number',
    group: 'access',
    summary: 'Days after which a new key signs tokens.',
    min: 0.01,
    max: 3650,
    default: 30,
  },
  auditRetentionDays: {
    kind: 'number',
    group: 'access',
    summary: 'Days that audit records are kept.',
    min: 0.01,
    max: 36_500,
    default: 90,
  },
  auditMaxRecords: {
    kind: 'integer',
    group: 'access',
    summary: 'Audit records that are kept at most.',
    min: 100,
    max: 1_000_000_000,
    default: 1_000_000,
  },
  rateLimitPerAgent: { ...RATE, summary: 'Requests a second of one agent, averaged over 10 s; 0: any.', default: 1000 },
  rateLimitPerAgentType: {
    ...RATE,
    summary: 'Requests a second of all agents of one type in one project together; 0: any.',
    default: 12_000,
  },
  rateLimitPerProject: {
    ...RATE,
    summary: 'Requests a second of all agents of one project together; 0: any.',
    default: 20_000,
  },
  maxConcurrentRequests: {
    kind: 'integer',
    group: 'access',
    summary: 'Requests that are worked on at once; long-polls and subscriptions do not count.',
    min: 1,
    max: 100_000,
    default: 1024,
  },
  maxQueuedRequests: {
    kind: 'integer',
    group: 'access',
    summary: 'Requests that may wait for their turn; more are refused.',
    min: 0,
    max: 1_000_000,
    default: 8192,
  },
  maxQueueWaitMs: {
    kind: 'integer',
    group: 'access',
    summary: 'Milliseconds a request waits for its turn before it is refused.',
    min: 1,
    max: 60_000,
    default: 5000,
  },
  maxMemoryMb: {
    kind: 'integer',
    group: 'access',
    summary:
      'Memory at which only what is essential is still done. Without it: 90 % of what the machine or its container has.',
    min: 128,
    max: 16_777_216,
    default: null,
  },
  dataDir: {
    kind: 'path',
    group: 'store',
    summary: 'Directory of the store, the mirrors, the keys and the logs.',
    default: { place: 'state' },
  },
  backupEveryHours: {
    kind: 'integer',
    group: 'store',
    summary: 'Hours between two backups that the sidecar makes by itself; 0 makes none.',
    min: 0,
    max: 8760,
    default: 24,
  },
  backupsKept: {
    kind: 'integer',
    group: 'store',
    summary: 'Newest backups that are kept in the data directory.',
    min: 1,
    max: 1000,
    default: 7,
  },
  cleanUpEveryHours: {
    kind: 'integer',
    group: 'store',
    summary: 'Hours between two clean-ups that the sidecar makes by itself.',
    min: 1,
    max: 8760,
    default: 24,
  },
  eventRetentionHours: {
    ...RETENTION,
    summary: 'Hours that events are kept which do not say how long by `ttl_seconds`.',
    max: 720,
    default: 24,
  },
  maxProjectEvents: {
    kind: 'integer',
    group: 'store',
    summary: 'Events that are kept of one project at most.',
    min: 1000,
    max: 1_000_000_000,
    default: 1_000_000,
  },
  resultRetentionDays: { ...RETENTION, summary: 'Days that results are kept.' },
  issueRetentionDays: {
    ...RETENTION,
    summary: 'Days that issues which have ended are kept, with what their workflow decided.',
    min: 1,
    default: 90,
  },
  agentRetentionDays: {
    ...RETENTION,
    summary: 'Days that the records of agents which have ended are kept.',
    min: 1,
    default: 90,
  },
  agentFolderRetentionDays: {
    ...RETENTION,
    summary: 'Days that the folders of ended agents are kept: output and task.',
  },
  contextCacheRetentionDays: { ...RETENTION, summary: 'Days that contexts which nobody asks for stay on disk.' },
  deadLetterRetentionDays: { ...RETENTION, summary: 'Days that dead letters are kept.' },
  diskQuotaBytes: {
    kind: 'integer',
    group: 'store',
    summary:
      'Bytes that the data directory may take, backups included. From 80 % on there is a warning; when it is full, large writes are refused. Without it: any number.',
    min: 16_777_216,
    max: Number.MAX_SAFE_INTEGER,
    default: null,
  },
  project: {
    kind: 'path',
    group: 'agents',
    summary: 'Repository to register as the default project. `sidecar serve` takes the git repository it stands in.',
    default: null,
  },
  profilesDir: {
    kind: 'path',
    group: 'agents',
    summary: 'Folder of your own profiles and workflows.',
    flag: '--profiles',
    variable: 'SIDECAR_PROFILES',
    default: null,
  },
  agentProgram: {
    kind: 'text',
    group: 'agents',
    summary:
      'Program that agents are started with in place of Claude Code, wherever neither profile nor request names another. A path is relative to the project.',
    default: null,
  },
  // Specification "Performance Targets".
  maxAgents: { ...AGENTS, summary: 'Agents alive at once.', default: 119 },
  maxAgentsPerProject: { ...AGENTS, summary: 'Agents alive at once in one project.', default: { sameAs: 'maxAgents' } },
  maxAgentsPerType: {
    ...AGENTS,
    summary: 'Agents alive at once of one agent type.',
    default: { sameAs: 'maxAgents' },
  },
  maxQueuedAgents: {
    ...AGENTS,
    summary: 'Agents that may wait for a slot; more are refused.',
    min: 0,
    max: 100_000,
    default: 1000,
  },
  maxAgentDepth: { ...AGENTS, summary: 'Longest chain of agents that start agents.', max: 100, default: 5 },
  maxAgentChildren: { ...AGENTS, summary: 'Live agents that one agent may have started.', min: 0, default: 32 },
  maxProjectTokens: {
    ...BUDGET,
    summary: 'Model tokens that the agents of one project may use in any 24 hours, as they report them.',
  },
  maxProjectCostUsd: {
    ...BUDGET,
    kind: 'number',
    summary: 'US dollars that the agents of one project may cost in any 24 hours, as they report it.',
  },
  maxProjectSpawns: { ...BUDGET, summary: 'Agents that one project may start in any 24 hours.' },
  // Specification "Storage Component".
  contextCacheMaxBytes: {
    kind: 'integer',
    group: 'context',
    summary: 'Bytes that the context cache may hold in memory.',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 1_000_000_000,
  },
  logLevel: {
    kind: 'choice',
    group: 'observing',
    summary: 'How much is logged.',
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
    default: 'info',
  },
  logMaxBytes: {
    kind: 'integer',
    group: 'observing',
    summary: 'Size at which the log file is put aside.',
    min: 4096,
    max: Number.MAX_SAFE_INTEGER,
    default: 16_777_216,
  },
  logMaxAgeHours: {
    kind: 'number',
    group: 'observing',
    summary: 'Hours after which the log file is put aside.',
    min: 0.01,
    max: 8760,
    default: 24,
  },
  logFilesKept: {
    kind: 'integer',
    group: 'observing',
    summary: 'Log files put aside that are kept at most.',
    min: 1,
    max: 1000,
    default: 14,
  },
  logRetentionDays: {
    kind: 'number',
    group: 'observing',
    summary: 'Days that log files put aside are kept.',
    min: 0.01,
    max: 3650,
    default: 30,
  },
  logOnTerminal: {
    kind: 'choice',
    group: 'observing',
    summary:
      'What `sidecar serve` shows of the log on standard error: `auto` is `pretty` on a terminal and `off` elsewhere. The file is always JSON.',
    choices: ['auto', 'pretty', 'json', 'off'],
    default: 'auto',
  },
  otlpEndpoint: {
    kind: 'text',
    group: 'observing',
    summary:
      'Base URL of the collector that traces are sent to, over OTLP/HTTP as JSON: `/v1/traces` is added. Without it there are no traces.',
    variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    form: { pattern: /^https?:\/\/[^/@\s?#]+(?:\/[^@\s?#]*)?$/, says: 'an http or https URL without credentials' },
    default: null,
  },
  otlpHeaders: {
    kind: 'text',
    group: 'observing',
    summary:
      'Header fields for the collector, such as `api-key=…,tenant=a`; percent-encoded. Better in a variable or the file than in a flag, which every user of the machine sees.',
    variable: 'OTEL_EXPORTER_OTLP_HEADERS',
    form: { pattern: /^[^=,\s]+=[^,]*(?:,\s*[^=,\s]+=[^,]*)*$/, says: 'a list of name=value' },
    isSecret: true,
    default: null,
  },
  traceSampleRatio: {
    kind: 'number',
    group: 'observing',
    summary: 'Share of the traces begun here that are recorded; who begins one elsewhere decides for it.',
    min: 0,
    max: 1,
    default: 1,
  },
  serviceName: {
    kind: 'text',
    group: 'observing',
    summary: 'Name of this sidecar in traces.',
    variable: 'OTEL_SERVICE_NAME',
    default: 'orchestration-sidecar',
  },
  resourceAttributes: {
    kind: 'text',
    group: 'observing',
    summary:
      'Attributes of this sidecar in traces, such as `deployment.environment.name=test,host.name=a`; percent-encoded. The name of the service goes before `service.name` here.',
    variable: 'OTEL_RESOURCE_ATTRIBUTES',
    form: { pattern: /^[^=,\s]+=[^,]*(?:,\s*[^=,\s]+=[^,]*)*$/, says: 'a list of name=value' },
    default: null,
  },
  semconvStabilityOptIn: {
    kind: 'list',
    group: 'observing',
    summary:
      'Semantic conventions to follow before they are stable: with `gen_ai_latest_experimental` spans of agents follow the newest for GenAI, else those of 1.36. Others are ignored.',
    variable: 'OTEL_SEMCONV_STABILITY_OPT_IN',
    default: [],
  },
} as const satisfies Record<string, Setting>;

/** Name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** Names of all settings, in the order of the table. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Whether there is a setting of that name. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** The setting of a name. */
export function settingOf(name: SettingName): Setting {
  return SETTINGS[name];
}

/** Flag of `sidecar serve` that sets it: `--max-agents`. */
export function flagOf(name: SettingName): string {
  return settingOf(name).flag ?? `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Environment variable that sets it: `SIDECAR_MAX_AGENTS`. */
export function variableOf(name: SettingName): string {
  return settingOf(name).variable ?? `SIDECAR_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}
