import type { SidecarEvent } from '@orchestration-sidecar/shared';
import type { Paint, Style } from '../terminal.ts';
import { clockTime } from './quantity.ts';
import { cleanText, cut, pad, widthOf } from './text.ts';

/** Where the story is told. */
export interface StoryTarget {
  readonly paint: Paint;
  /** Longest line. */
  readonly columns: number;
}

interface Sentence {
  readonly who: string;
  readonly does: string;
  readonly style?: Style;
}

const WHO_COLUMNS = 18;

/** What an event tells of an issue, in one line; undefined when it is of no interest to a person. */
export function story(event: SidecarEvent, { paint, columns }: StoryTarget): string | undefined {
  const sentence = event.publisher_type === 'sidecar' ? ownSentence(event) : reportedSentence(event);
  if (!sentence) return undefined;
  const time = clockTime(event.timestamp);
  const who = pad(cut(cleanText(sentence.who), WHO_COLUMNS), WHO_COLUMNS);
  const room = columns === Infinity ? Infinity : Math.max(0, columns - widthOf(`${time}  ${who}  `));
  const does = cleanText(sentence.does);
  const shown = room === Infinity ? does : cut(does, room);
  return `${paint('dim', time)}  ${who}  ${sentence.style ? paint(sentence.style, shown) : shown}`;
}

function ownSentence({ event_type, data }: SidecarEvent): Sentence | undefined {
  const agent = text(data['agent_type']) || 'an agent';
  const phase = text(data['phase']);
  const reason = text(data['reason']);
  switch (event_type) {
    case 'issue_started':
      return { who: 'sidecar', does: `starts ${text(data['workflow'])}` };
    case 'phase_started':
      return { who: 'sidecar', does: `${phaseStart(phase, data)} (${reason})`, style: 'bold' };
    case 'phase_complete':
      return { who: 'sidecar', does: `${phase} is complete: ${reason}` };
    case 'workflow_decision':
      // What was decided to be started is told when it has started.
      if (data['decision'] === 'spawn') return undefined;
      // How many checks passed was told when they ended.
      if (data['decision'] === 'verified') return { who: 'sidecar', does: `${phase} is verified`, style: 'green' };
      return { who: 'sidecar', does: reason };
    case 'checks_complete':
      return checks(data['checks'], reason);
    case 'agent_spawned':
      return { who: agent, does: 'starts' };
    case 'agent_completed':
      return { who: agent, does: 'has ended' };
    case 'agent_stopped':
      return { who: agent, does: `was stopped: ${reason}` };
    case 'agent_failed':
      return {
        who: agent,
        does: `failed: ${text(data['error']) || reason}${data['will_retry'] === true ? '; it is tried again' : ''}`,
        style: 'red',
      };
    case 'agent_escalated':
      // What the workflow escalates ends the issue, which says why.
      if (text(data['workflow']) !== '') return undefined;
      // Why was told when the attempt failed.
      return { who: agent, does: `gives up: ${attemptsFailed(data['failures'])}`, style: 'red' };
    case 'issue_paused':
      return { who: 'sidecar', does: 'the issue is paused', style: 'yellow' };
    case 'issue_resumed':
      return { who: 'sidecar', does: 'the issue goes on' };
    case 'issue_resolved':
      return { who: 'sidecar', does: `the issue is resolved: ${reason}`, style: 'green' };
    case 'issue_failed':
      return { who: 'sidecar', does: `the issue has failed: ${reason}`, style: 'red' };
    case 'issue_cancelled':
      return { who: 'sidecar', does: `the issue is cancelled: ${reason}`, style: 'red' };
    case 'issue_created':
    case 'workflow_observed':
    case 'agent_queued':
      return undefined;
    default:
      return { who: 'sidecar', does: `publishes ${event_type}` };
  }
}

/** What agents and people say. */
function reportedSentence({ event_type, publisher_type, data, topic }: SidecarEvent): Sentence {
  const said = ['summary', 'message', 'reason', 'status'].map((name) => text(data[name])).find((it) => it !== '');
  const does = `publishes ${event_type}${said === undefined ? '' : `: ${said}`}`;
  return { who: publisher_type, does, ...(topic === 'error' && { style: 'red' as const }) };
}

function phaseStart(phase: string, { held, agents }: SidecarEvent['data']): string {
  return `${phase} ${held === 'paused' ? 'will start when the issue is resumed' : 'starts'}: ${list(agents).join(', ')}`;
}

function attemptsFailed(failures: unknown): string {
  const count = Array.isArray(failures) ? failures.length : 1;
  return count === 1 ? 'its attempt failed' : `each of its ${count} attempts failed`;
}

function checks(value: unknown, reason: string): Sentence | undefined {
  const outcomes = (Array.isArray(value) ? value : []).filter((it: unknown) => typeof it === 'object' && it !== null);
  // That nothing could be checked is a decision of its own, with the same reason.
  if (outcomes.length === 0 && reason !== '') return undefined;
  const failed = outcomes.filter((it: object) => !('passed' in it && it.passed === true));
  const names = failed.map((it: object) => ('name' in it && text(it.name)) || 'unnamed').join(', ');
  const does = `${outcomes.length - failed.length} of ${outcomes.length} checks passed`;
  return failed.length === 0
    ? { who: 'sidecar', does }
    : { who: 'sidecar', does: `${does}, not: ${names}`, style: 'red' };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === 'string') : [];
}
