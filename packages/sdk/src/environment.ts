/** What the sidecar tells an agent by its environment (specification "Agent Launch Script Template"). */
export interface AgentEnvironment {
  readonly AGENT_ID?: string | undefined;
  readonly AGENT_TYPE?: string | undefined;
  readonly ISSUE_ID?: string | undefined;
  readonly PROJECT_ID?: string | undefined;
  /** Address of the sidecar; may end in `/api`. */
  readonly SIDECAR_URL?: string | undefined;
  /** The sidecar’s own file, which says where it listens; read again when it cannot be reached. */
  readonly SIDECAR_FILE?: string | undefined;
  /** Folder that results and events are kept in while the sidecar is away. */
  readonly SIDECAR_OUTBOX?: string | undefined;
  /** File of certificates (PEM) to trust besides the well-known ones. */
  readonly SIDECAR_CA_FILE?: string | undefined;
  /** Unix socket to connect to. */
  readonly SIDECAR_SOCKET?: string | undefined;
  readonly JWT_TOKEN?: string | undefined;
  /** File that holds the token; read instead of `JWT_TOKEN`, and written when the token is refreshed. */
  readonly JWT_TOKEN_FILE?: string | undefined;
  /** File that holds the context as JSON. */
  readonly CONTEXT_FILE?: string | undefined;
  /** File that holds the task as text. */
  readonly TASK_FILE?: string | undefined;
  /** Correlation id of the spawn; the default of every call. */
  readonly CORRELATION_ID?: string | undefined;
  /** W3C trace context to go on with; sent along with every call. */
  readonly TRACEPARENT?: string | undefined;
  readonly TRACESTATE?: string | undefined;
}

/** An environment without the variables that are set to nothing, which count as not set. */
export function withoutEmpty(environment: AgentEnvironment): AgentEnvironment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}

/** The environment of the process; empty in a browser. */
export function processEnvironment(): AgentEnvironment {
  const runtime: { process?: { env?: AgentEnvironment } } = globalThis;
  return runtime.process?.env ?? {};
}
