/** What a code means to each door: HTTP status, tRPC code, whether trying again can help, and what to do next. */
export interface ErrorSpec {
  readonly http: number;
  readonly rpc:
    | 'BAD_REQUEST'
    | 'UNAUTHORIZED'
    | 'FORBIDDEN'
    | 'NOT_FOUND'
    | 'METHOD_NOT_SUPPORTED'
    | 'TIMEOUT'
    | 'CONFLICT'
    | 'PRECONDITION_FAILED'
    | 'PAYLOAD_TOO_LARGE'
    | 'UNSUPPORTED_MEDIA_TYPE'
    | 'TOO_MANY_REQUESTS'
    | 'CLIENT_CLOSED_REQUEST'
    | 'INTERNAL_SERVER_ERROR'
    | 'SERVICE_UNAVAILABLE';
  readonly title: string;
  readonly retryable: boolean;
  readonly recovery: string;
}

/**
 * Every error a caller can meet, by stable code. Callers switch on the code, never on a message.
 * Rendered as RFC 9457 problem documents over REST and as `data.problem` over tRPC (DECISIONS 26).
 */
export const ERRORS = {
  INPUT_INVALID: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The request does not fit its schema',
    retryable: false,
    recovery: 'Correct what `detail` and `issues` name, and send it again.',
  },
  JSON_INVALID: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The body is not JSON that is taken',
    retryable: false,
    recovery: 'Send one JSON object, encoded as UTF-8.',
  },
  FILTER_INVALID: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The event filter cannot be read',
    retryable: false,
    recovery: 'Write `field:value[,field:value…]`; `a|b` is OR, `!field:value` is NOT, a trailing `*` is a prefix.',
  },
  CURSOR_INVALID: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The cursor cannot be read',
    retryable: false,
    recovery: 'Pass a cursor exactly as an answer gave it, `latest`, or none.',
  },
  EVENT_TYPE_MISMATCH: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The path and the body name different event types',
    retryable: false,
    recovery: 'Leave `event_type` out of the body, or make both equal.',
  },
  PROJECT_REQUIRED: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'Several projects are registered and none was named',
    retryable: false,
    recovery: 'Send `project_id`; `GET /api/projects` lists them.',
  },
  ENVIRONMENT_FORBIDDEN: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'An environment name could hijack the agent process',
    retryable: false,
    recovery: 'Leave the named variables out of `environment`.',
  },
  CONTEXT_REQUIREMENT_UNKNOWN: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'A context requirement has no such name',
    retryable: false,
    recovery: 'Use the names that `GET /api/profiles` lists in `context_requirements`.',
  },
  PROJECT_ROOT_INVALID: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The project root is not a directory that can be read',
    retryable: false,
    recovery: 'Register an absolute path of an existing directory.',
  },
  TIMESTAMP_OUT_OF_RANGE: {
    http: 400,
    rpc: 'BAD_REQUEST',
    title: 'The timestamp is too far from the sidecar’s clock',
    retryable: false,
    recovery: 'Send the current time (at most five minutes off), or leave `timestamp` out.',
  },
  LAUNCHER_UNAVAILABLE: {
    http: 422,
    rpc: 'PRECONDITION_FAILED',
    title: 'The agent program cannot be started',
    retryable: false,
    recovery: 'Install the named program, or choose another launcher in the request or the profile.',
  },
  UNAUTHENTICATED: {
    http: 401,
    rpc: 'UNAUTHORIZED',
    title: 'A token is required',
    retryable: false,
    recovery: 'Send `Authorization: Bearer <token>`.',
  },
  TOKEN_INVALID: {
    http: 401,
    rpc: 'UNAUTHORIZED',
    title: 'The token is not one of ours',
    retryable: false,
    recovery: 'Use the token this sidecar gave you.',
  },
  TOKEN_EXPIRED: {
    http: 401,
    rpc: 'UNAUTHORIZED',
    title: 'The token has expired',
    retryable: false,
    recovery: 'Refresh tokens before they expire: `POST /api/tokens/refresh`.',
  },
  TOKEN_REVOKED: {
    http: 401,
    rpc: 'UNAUTHORIZED',
    title: 'The token was revoked',
    retryable: false,
    recovery: 'The agent this token belongs to has ended, or the token was replaced.',
  },
  PERMISSION_DENIED: {
    http: 403,
    rpc: 'FORBIDDEN',
    title: 'The token does not permit this',
    retryable: false,
    recovery: 'Ask the orchestrator for an agent type whose profile holds the permission.',
  },
  PROJECT_FORBIDDEN: {
    http: 403,
    rpc: 'FORBIDDEN',
    title: 'The token belongs to another project',
    retryable: false,
    recovery: 'Leave `project_id` out, or send the one in your token.',
  },
  AGENT_TYPE_FORBIDDEN: {
    http: 403,
    rpc: 'FORBIDDEN',
    title: 'The token belongs to another agent type',
    retryable: false,
    recovery: 'An agent reads and writes as its own agent type only.',
  },
  PUBLISHER_MISMATCH: {
    http: 403,
    rpc: 'FORBIDDEN',
    title: 'The named publisher is not the token’s agent',
    retryable: false,
    recovery: 'Leave `publisher` (or `agent_id`) out, or send the `sub` of your token.',
  },
  TOPIC_FORBIDDEN: {
    http: 403,
    rpc: 'FORBIDDEN',
    title: 'This agent type may not publish to the topic',
    retryable: false,
    recovery: 'Publish to a topic that your profile lists in `publishes`, or to `error` about yourself.',
  },
  HOST_FORBIDDEN: {
    http: 403,
    rpc: 'FORBIDDEN',
    title: 'The Host or Origin of the request is not allowed',
    retryable: false,
    recovery: 'Call the sidecar by its loopback address; browsers need a configured origin.',
  },
  ROUTE_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such route',
    retryable: false,
    recovery: '`GET /openapi.json` lists every route.',
  },
  ISSUE_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such issue in this project',
    retryable: false,
    recovery: '`GET /api/issues` lists the issues you can see.',
  },
  PROJECT_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such project',
    retryable: false,
    recovery: 'Register it with `POST /api/projects`.',
  },
  AGENT_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such agent in this project',
    retryable: false,
    recovery: '`GET /api/agents` lists the agents you can see.',
  },
  AGENT_TYPE_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no profile of this agent type',
    retryable: false,
    recovery: '`GET /api/profiles` lists the agent types.',
  },
  RESULT_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such result in this project',
    retryable: false,
    recovery: '`GET /api/results` lists the results you can see.',
  },
  EVENT_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such event in this project’s log',
    retryable: false,
    recovery: '`GET /api/events` reads the log.',
  },
  CONSUMER_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such durable consumer in this project',
    retryable: false,
    recovery: '`GET /api/consumers` lists the consumers you may use.',
  },
  DEAD_LETTER_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such dead letter in this project',
    retryable: false,
    recovery: '`GET /api/dead-letters` lists the dead letters you can see.',
  },
  WORKFLOW_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such workflow',
    retryable: false,
    recovery: '`GET /api/workflows` lists the workflows.',
  },
  FILE_NOT_FOUND: {
    http: 404,
    rpc: 'NOT_FOUND',
    title: 'There is no such readable file in this context',
    retryable: false,
    recovery: 'Use a path from `relevant_files` or `omitted_files`.',
  },
  METHOD_NOT_ALLOWED: {
    http: 405,
    rpc: 'METHOD_NOT_SUPPORTED',
    title: 'The route does not answer this method',
    retryable: false,
    recovery: 'Use a method of the `Allow` header.',
  },
  REQUEST_TIMEOUT: {
    http: 408,
    rpc: 'TIMEOUT',
    title: 'The request did not arrive in time',
    retryable: true,
    recovery: 'Send the whole request without pausing.',
  },
  ISSUE_EXISTS: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'An issue of this id exists already',
    retryable: false,
    recovery: 'Leave `issue_id` out to have one made.',
  },
  ISSUE_ENDED: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The issue has ended, or no workflow drives it',
    retryable: false,
    recovery: '`GET /api/issues/:issue_id` tells where it stands; create a new issue to go on.',
  },
  SPAWN_DEPTH_EXCEEDED: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The chain of agents that start agents is as long as it may be',
    retryable: false,
    recovery: 'Do the task yourself, or hand it over in your result.',
  },
  ISSUE_LIMIT_REACHED: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The issue may start no further agent',
    retryable: false,
    recovery: 'Raise the `limits` of its workflow and create a new issue, or go on without further agents.',
  },
  PROJECT_LIMIT_REACHED: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The project may start no further agent today',
    retryable: false,
    recovery: 'Raise `maxProjectTokens`, `maxProjectCostUsd` or `maxProjectSpawns`, or wait: the last 24 hours count.',
  },
  PROJECT_EXISTS: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'A project of this id has another root',
    retryable: false,
    recovery: 'Choose another `project_id`.',
  },
  IDEMPOTENCY_CONFLICT: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The idempotency key was used with another request',
    retryable: false,
    recovery: 'Use a new key for a new request.',
  },
  NONCE_REUSED: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The nonce was seen before from this publisher',
    retryable: false,
    recovery: 'Use a new nonce for every event.',
  },
  CONSUMER_EXISTS: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'A durable consumer of this name was made differently',
    retryable: false,
    recovery: 'Choose another name, or delete the consumer first.',
  },
  LEASE_LOST: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The delivery is not this member’s any more',
    retryable: false,
    recovery: 'Drop what you were doing with the event; it is delivered again, or was acknowledged already.',
  },
  AGENT_ENDED: {
    http: 409,
    rpc: 'CONFLICT',
    title: 'The agent has ended',
    retryable: false,
    recovery: 'Spawn a new agent.',
  },
  CURSOR_EXPIRED: {
    http: 410,
    rpc: 'PRECONDITION_FAILED',
    title: 'The log no longer reaches back to this cursor',
    retryable: false,
    recovery: 'Continue from `oldest_cursor`; what lay between is gone.',
  },
  PAYLOAD_TOO_LARGE: {
    http: 413,
    rpc: 'PAYLOAD_TOO_LARGE',
    title: 'The request is too large',
    retryable: false,
    recovery: 'Send less; `maxBytes` says how much is taken.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    http: 415,
    rpc: 'UNSUPPORTED_MEDIA_TYPE',
    title: 'The body is not application/json',
    retryable: false,
    recovery: 'Send `content-type: application/json`.',
  },
  RATE_LIMITED: {
    http: 429,
    rpc: 'TOO_MANY_REQUESTS',
    title: 'Too many requests',
    retryable: true,
    recovery: 'Wait for `retry-after` seconds.',
  },
  AGENT_LIMIT_REACHED: {
    http: 429,
    rpc: 'TOO_MANY_REQUESTS',
    title: 'No agent slot is free and the queue is full',
    retryable: true,
    recovery: 'Wait until an agent ends, or stop one.',
  },
  FAN_OUT_EXCEEDED: {
    http: 429,
    rpc: 'TOO_MANY_REQUESTS',
    title: 'The agent has as many live agents of its own as it may',
    retryable: true,
    recovery: 'Wait until one of the agents you started ends, or stop one.',
  },
  CONSUMER_LIMIT_REACHED: {
    http: 429,
    rpc: 'TOO_MANY_REQUESTS',
    title: 'The project has too many durable consumers',
    retryable: false,
    recovery: 'Delete consumers that nobody uses: `DELETE /api/consumers/:consumer`.',
  },
  CLIENT_CLOSED: {
    http: 499,
    rpc: 'CLIENT_CLOSED_REQUEST',
    title: 'The caller went away',
    retryable: false,
    recovery: 'Open a new connection or make a new client, and send it again.',
  },
  INTERNAL: {
    http: 500,
    rpc: 'INTERNAL_SERVER_ERROR',
    title: 'The sidecar failed',
    retryable: false,
    recovery: 'Look for the correlation id in the sidecar’s log.',
  },
  BACKUP_FAILED: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The backup could not be made',
    retryable: true,
    recovery: 'Make room on the disk, or look at what `sidecar doctor` says of the store, and try again.',
  },
  DISK_QUOTA_EXCEEDED: {
    http: 507,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The data directory takes as much as it may',
    retryable: true,
    recovery:
      'Run `sidecar clean-up`, remove pins or old backups, or raise `diskQuotaBytes`; small results are still taken.',
  },
  STORAGE_UNAVAILABLE: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The store cannot take writes now',
    retryable: true,
    recovery: 'Try again later; `GET /health` says what is wrong.',
  },
  UNREACHABLE: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The sidecar cannot be reached',
    retryable: true,
    recovery: 'Check that it runs (`sidecar status`) and that `SIDECAR_URL` is its address.',
  },
  TIMEOUT: {
    http: 504,
    rpc: 'TIMEOUT',
    title: 'It did not happen in time',
    retryable: true,
    recovery: 'Try again, or allow more time.',
  },
  ANSWER_UNREADABLE: {
    http: 502,
    rpc: 'INTERNAL_SERVER_ERROR',
    title: 'The answer is not one of a sidecar of this version',
    retryable: false,
    recovery: 'Check that `SIDECAR_URL` is the address of a sidecar, and that both sides are of the same version.',
  },
  OVERLOADED: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The sidecar has too much to do',
    retryable: true,
    recovery: 'Wait for `retry-after` seconds and send it again.',
  },
  CIRCUIT_OPEN: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'What this needs has failed too often and is left alone for a moment',
    retryable: true,
    recovery: 'Wait for `retry-after` seconds and send it again; `GET /status` says under `breakers` what has failed.',
  },
  STARTING: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The sidecar is still starting',
    retryable: true,
    recovery: 'Ask again in a moment.',
  },
  SHUTTING_DOWN: {
    http: 503,
    rpc: 'SERVICE_UNAVAILABLE',
    title: 'The sidecar is stopping',
    retryable: true,
    recovery: 'Connect again when it is back.',
  },
} as const satisfies Record<string, ErrorSpec>;

/** Stable error code. */
export type ErrorCode = keyof typeof ERRORS;
