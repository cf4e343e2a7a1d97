import type { Command } from 'commander';
import { SidecarError, type ErrorCode } from '@orchestration-sidecar/shared';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { SEE_HELP, type Failure } from './failure.ts';

/** What to do next where the sidecar's own words are meant for programs. */
const RECOVERY: Partial<Record<ErrorCode, string>> = {
  UNREACHABLE: 'Start it with `sidecar serve`, or say where it runs with --url, --socket or --data-dir.',
  ANSWER_UNREADABLE: 'Check that --url is the address of a sidecar, and that it is of the version of this command.',
  PROJECT_REQUIRED: 'Go into the folder of one, or name it with --project; `sidecar project list` shows them.',
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
export function describeSidecarError(error: Error, command: Command): Failure | undefined {
  if (!(error instanceof SidecarError)) return undefined;
  if (UNUSABLE.has(error.code)) return describeUnusable(error, command);
  const { code, detail, correlationId } = error;
  return {
    exitCode: exitCodeOf(error),
    message: code === 'UNREACHABLE' ? `The sidecar cannot be reached: ${detail}` : `${detail} (${code})`,
    details: [],
    recovery: code === 'UNREACHABLE' && NOT_TRUSTED.test(detail) ? UNTRUSTED : (RECOVERY[code] ?? error.recovery),
    // Nobody has heard of a request that nobody answered.
    correlationId: UNREACHED.has(code) ? undefined : correlationId,
  };
}

/** Codes that say that a value which was sent cannot be used, whatever there is. */
const UNUSABLE: ReadonlySet<ErrorCode> = new Set(['INPUT_INVALID', 'FILTER_INVALID', 'CURSOR_INVALID']);

function exitCodeOf({ code, status }: SidecarError): ExitCode {
  if (UNREACHED.has(code)) return EXIT.unreachable;
  return status < 500 ? EXIT.refused : EXIT.failed;
}

/** What the person typed that the sidecar cannot use: their command line's fault, in its own words. */
function describeUnusable({ code, detail, extension, recovery }: SidecarError, command: Command): Failure {
  const faults = code === 'INPUT_INVALID' ? faultsOf(extension['issues'], detail, command) : [detail];
  return {
    exitCode: EXIT.usage,
    message: faults.length === 1 ? (faults[0] ?? detail) : 'The command line holds values that cannot be used.',
    details: faults.length === 1 ? [] : faults,
    recovery: code === 'INPUT_INVALID' ? SEE_HELP : (RECOVERY[code] ?? recovery),
    correlationId: undefined,
  };
}

/** The faults of an `INPUT_INVALID`: those it lists, or the one that its detail tells as `field: what`. */
function faultsOf(issues: unknown, detail: string, command: Command): string[] {
  const told = /^(\w+): ([^]+)$/.exec(detail);
  if (!Array.isArray(issues)) return [told ? faultOf(told[1] ?? '', told[2] ?? '', command) : detail];
  return issues.flatMap((issue: unknown) => {
    if (typeof issue !== 'object' || issue === null || !('message' in issue)) return [];
    const path = 'path' in issue ? issue.path : undefined;
    const place = Array.isArray(path) ? path.join('.') : typeof path === 'string' ? path : '';
    return [faultOf(place, String(issue.message), command)];
  });
}

function faultOf(place: string, message: string, command: Command): string {
  if (place === '') return message;
  const [field = '', ...inside] = place.split('.');
  return `${[typedAs(field, command), ...inside].join('.')}: ${message}`;
}

/** What a command calls a field of a request: `limit` is its `--limit`, `project_id` its `--project`. */
function typedAs(field: string, command: Command): string {
  const names = [field, field.replace(/_id$/, ''), field.replace(/^\w+_id$/, 'id')];
  for (const name of names) {
    const option = command.options.find((each) => snakeCase(each.attributeName()) === name);
    if (option?.long) return option.long;
    const argument = command.registeredArguments.find((each) => snakeCase(each.name()) === name);
    if (argument) return `<${argument.name()}>`;
  }
  return field;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll('-', '_');
}
