import type { ChildExit } from '../../process/child-exit.ts';
import { ClaudeOutput } from './claude-output.ts';
import { failed, type Failure, FAILURES, type FailureReason, type Verdict } from './failure.ts';
import { LineOutput } from './line-output.ts';
import type { OutputParser, OutputReport } from './output.ts';

/** How agents write: Claude Code’s stream-json, or lines of which those that are JSON may tell something. */
export type ProtocolName = 'claude' | 'lines';

/** A parser for an agent’s output, fresh: it must see the output from its beginning. */
export function outputParser(protocol: ProtocolName): OutputParser {
  return protocol === 'claude' ? new ClaudeOutput() : new LineOutput();
}

const LIMIT_REASONS = {
  wall: 'wall_time',
  memory: 'memory',
  cpu: 'cpu',
  output: 'output',
  processes: 'processes',
  stopped: 'stopped',
  unknown: 'lost',
  unbegun: 'lost',
} as const satisfies Record<Exclude<ChildExit['cause'], 'exited'>, FailureReason>;

/**
 * Judges an ended agent. Nothing counts as done that we ended ourselves: Claude Code answers a SIGTERM with exit 0
 * and success although its work was cut off.
 * @param isResumed whether it was to go on with an earlier session.
 */
export function judge(protocol: ProtocolName, exit: ChildExit, report: OutputReport, isResumed: boolean): Verdict {
  const failure = failureOf(protocol, exit, report, isResumed);
  return failure === undefined ? { status: 'claimed' } : failed(failure);
}

function failureOf(
  protocol: ProtocolName,
  exit: ChildExit,
  report: OutputReport,
  isResumed: boolean,
): Failure | undefined {
  if (exit.cause !== 'exited') return plain(LIMIT_REASONS[exit.cause]);
  const said = report.failures[0];
  if (protocol === 'claude' && isResumed && report.sessionId === null) {
    const { detail } = plain('not_resumed');
    return { reason: 'not_resumed', detail: said === undefined ? detail : `${detail}: ${said.detail}` };
  }
  if (said !== undefined) return said;
  if (exit.signal !== null) return { reason: 'signal', detail: `the agent was ended by ${exit.signal}` };
  if (exit.code === 126 || exit.code === 127) {
    return { reason: 'not_started', detail: `the program, or one it runs, could not be started (exit ${exit.code})` };
  }
  if (exit.code !== 0) {
    // Claude Code that ends before its first line did not like its arguments: the same ones will not do next time.
    const began = protocol !== 'claude' || report.sessionId !== null;
    return { reason: began ? 'exit_code' : 'not_started', detail: `the agent exited with ${exit.code}` };
  }
  return protocol === 'claude' && !report.finished ? plain('no_result') : undefined;
}

function plain(reason: FailureReason): Failure {
  return { reason, detail: `the agent ${FAILURES[reason].title}` };
}
