import { SidecarError, type ErrorCode } from '@orchestration-sidecar/shared';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Failure } from './failure.ts';

/** What to do next where the sidecar's own words are meant for programs. */
const RECOVERY: Partial<Record<ErrorCode, string>> = {
  UNREACHABLE: 'Start it with `sidecar serve`, or say where it runs with --url, --socket or --data-dir.',
  ANSWER_UNREADABLE: 'Check that --url is the address of a sidecar, and that it is of the version of this command.',
  PROJECT_REQUIRED: 'Name one with --project; `sidecar project list` shows them.',
  PROJECT_NOT_FOUND: '`sidecar project list` shows the projects there are; `sidecar project add` registers one.',
  ISSUE_NOT_FOUND: '`sidecar issue list` shows the issues there are.',
  AGENT_NOT_FOUND: '`sidecar agents list` shows the agents there are.',
  AGENT_TYPE_NOT_FOUND: '`sidecar profiles list` shows the agent types there are.',
  RESULT_NOT_FOUND: '`sidecar results list` shows the results there are.',
  CONSUMER_NOT_FOUND: '`sidecar consumers list` shows the consumers there are.',
  DEAD_LETTER_NOT_FOUND: '`sidecar dead-letters list` shows the dead letters there are.',
  WORKFLOW_NOT_FOUND: '`sidecar workflow list` shows the workflows there are.',
  CURSOR_EXPIRED: 'Leave --cursor out to read from the oldest event that is kept.',
  UNAUTHENTICATED: 'Give a token with --token or SIDECAR_TOKEN, or the sidecar’s --data-dir.',
  TOKEN_INVALID: 'Give another token with --token or SIDECAR_TOKEN, or the sidecar’s --data-dir.',
  TOKEN_EXPIRED: 'Make a new one with `sidecar token create`.',
  TOKEN_REVOKED: 'Make a new one with `sidecar token create`.',
};

/** What to do when a sidecar is there and its certificate is not trusted. */
const NOT_TRUSTED = /self-signed certificate|issuer certificate|verify the first certificate/i;
const UNTRUSTED = 'Name the file of the certificates to trust it by with --ca-file or SIDECAR_CA_FILE.';

/** Codes that say that nobody answered, or nobody who could be understood. */
const UNREACHED: ReadonlySet<ErrorCode> = new Set(['UNREACHABLE', 'TIMEOUT', 'ANSWER_UNREADABLE']);

/** What a refusal of the sidecar means to the person at the keyboard; undefined when it is none. */
export function describeSidecarError(error: Error): Failure | undefined {
  if (!(error instanceof SidecarError)) return undefined;
  const { code, detail, correlationId } = error;
  return {
    exitCode: exitCodeOf(error),
    message: code === 'UNREACHABLE' ? `The sidecar cannot be reached: ${detail}` : `${detail} (${code})`,
    details: issuesOf(error.extension['issues']),
    recovery: code === 'UNREACHABLE' && NOT_TRUSTED.test(detail) ? UNTRUSTED : (RECOVERY[code] ?? error.recovery),
    // Nobody has heard of a request that nobody answered.
    correlationId: UNREACHED.has(code) ? undefined : correlationId,
  };
}

function exitCodeOf({ code, status }: SidecarError): ExitCode {
  if (UNREACHED.has(code)) return EXIT.unreachable;
  return status < 500 ? EXIT.refused : EXIT.failed;
}

/** The faults that an `INPUT_INVALID` lists. */
function issuesOf(issues: unknown): string[] {
  if (!Array.isArray(issues)) return [];
  return issues.flatMap((issue: unknown) => {
    if (typeof issue !== 'object' || issue === null || !('message' in issue)) return [];
    const path = 'path' in issue ? issue.path : undefined;
    const place = Array.isArray(path) ? path.join('.') : typeof path === 'string' ? path : '';
    return [place === '' ? String(issue.message) : `${place}: ${String(issue.message)}`];
  });
}
