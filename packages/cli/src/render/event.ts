import type { SidecarEvent } from '@orchestration-sidecar/shared';
import type { Style } from '../terminal.ts';
import { clockTime } from './quantity.ts';
import type { TableTarget } from './table.ts';
import { cleanText, cut, pad, widthOf } from './text.ts';

/** What stands out among events. */
const STYLES: Readonly<Record<string, Style>> = {
  issue_resolved: 'green',
  issue_failed: 'red',
  issue_cancelled: 'red',
  agent_failed: 'red',
  agent_escalated: 'red',
  agent_completed: 'green',
};
const TOPIC_COLUMNS = 14;

/** One event in one line: when, on which topic, what, from whom, and as much of its payload as fits. */
export function eventLine(event: SidecarEvent, target: TableTarget): string {
  const { paint } = target;
  const time = clockTime(event.timestamp);
  const topic = cut(cleanText(event.topic), TOPIC_COLUMNS);
  const type = cleanText(event.event_type);
  const from = cleanText(event.publisher_type);
  const start = `${time}  ${pad(topic, TOPIC_COLUMNS)}  ${type}  ${from}  `;
  const data = cleanText(JSON.stringify(event.data));
  const room = target.outputIsTerminal ? Math.max(0, target.size().columns - widthOf(start)) : Infinity;
  const style = STYLES[event.event_type] ?? (event.topic === 'error' ? 'red' : 'bold');
  return [
    paint('dim', time),
    paint('cyan', pad(topic, TOPIC_COLUMNS)),
    paint(style, type),
    from,
    paint('dim', room === Infinity ? data : cut(data, room)),
  ].join('  ');
}
