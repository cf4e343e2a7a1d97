import type { AgentOutputLine } from '@orchestration-sidecar/shared';
import type { Paint } from '../terminal.ts';
import { SHORT_ID_CHARS } from './agent.ts';
import { clockTime } from './quantity.ts';
import { cleanText, cut, pad } from './text.ts';

const WHO_COLUMNS = 18;

/** What an agent wrote, with when and who, in one line. */
export function outputLine({ at, agent_id, agent_type, stream, text }: AgentOutputLine, paint: Paint): string {
  const who = pad(cut(cleanText(agent_type), WHO_COLUMNS), WHO_COLUMNS);
  const which = paint('dim', agent_id.slice(-SHORT_ID_CHARS));
  const said = cleanText(text);
  return `${paint('dim', clockTime(at))}  ${who} ${which}  ${stream === 'stderr' ? paint('yellow', said) : said}`;
}
