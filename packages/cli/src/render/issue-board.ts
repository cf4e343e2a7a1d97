import { LIVE_AGENT_STATES, type Agent, type Issue, type Workflow } from '@orchestration-sidecar/shared';
import type { Need } from '../attention.ts';
import { agentRows } from './agent-rows.ts';
import type { BoardTarget } from './board-target.ts';
import { needLines } from './needs.ts';
import { since, counted } from './quantity.ts';
import { cleanText, cut, pad, widthOf, wrap } from './text.ts';

/** How one issue stands. */
export interface IssueState {
  readonly issue: Issue;
  readonly workflow: Workflow | undefined;
  readonly agents: readonly Agent[];
  readonly needs: readonly Need[];
}

const MAX_ENDED = 4;
/** Lines of a board besides its agents, and then some for the story above it. */
const OTHER_LINES = 14;
const MIN_AGENTS = 3;
const ARROW = ' → ';

/** How an issue stands, at a glance: the phases, who works, who waits on what, what needs a person. */
export function issueBoard({ issue, workflow, agents, needs }: IssueState, target: BoardTarget): string[] {
  const { paint, columns, rows, nowMs } = target;
  const { progress } = issue;
  const alive = agents.filter(({ state }) => LIVE_AGENT_STATES.includes(state));
  const ended = agents.filter(({ state }) => !LIVE_AGENT_STATES.includes(state));
  // Rows of both kinds shall line up, and what needs a person, below them, shall never be pushed off the screen.
  const shown = [...alive, ...ended.slice(0, MAX_ENDED)].slice(0, Math.max(MIN_AGENTS, rows - OTHER_LINES));
  const hidden = agents.length - shown.length;
  const time = nowMs === undefined ? '' : since(issue.created_at, nowMs);
  const title = cut(cleanText(issue.title), columns - widthOf(time) - 2);
  const facts = [
    `${issue.issue_id} in ${issue.project_id}`,
    ...(progress ? [`round ${progress.round}`] : []),
    ...(progress?.open_findings ? [`${counted(progress.open_findings, 'finding')} open`] : []),
    ...(progress?.limits ? [`${progress.limits.spawns.used} of ${progress.limits.spawns.max ?? '∞'} agents used`] : []),
  ];
  return [
    paint('dim', '─'.repeat(columns)),
    `${pad(paint('bold', title), columns - widthOf(time))}${paint('dim', time)}`,
    paint('dim', cut(facts.join(' · '), columns)),
    ...phaseLines(issue, workflow, target),
    '',
    ...agentRows(shown, target),
    ...(hidden > 0
      ? more(`and ${hidden} more; \`sidecar agents list --issue ${issue.issue_id}\` shows them`, target)
      : []),
    '',
    ...(needs.length > 0 ? [] : waiting(issue, alive, target)),
    ...needLines(needs, target),
  ];
}

function more(text: string, { paint, columns }: BoardTarget): string[] {
  return wrap(text, columns - 2).map((line) => paint('dim', `  ${line}`));
}

/** The phases in their order: done, now, to come. Breaks between phases only. */
function phaseLines(issue: Issue, workflow: Workflow | undefined, { paint, columns }: BoardTarget): string[] {
  if (!workflow) return [];
  const now = workflow.phases.findIndex(({ name }) => name === issue.progress?.phase);
  const isResolved = issue.status === 'resolved';
  const isWorkedOn = issue.progress !== null && issue.progress.waiting_for.length > 0;
  const current = (name: string): string => (isWorkedOn ? paint('cyan', `● ${name}`) : paint('yellow', `◌ ${name}`));
  const lines: { text: string; width: number }[] = [];
  for (const [index, { name }] of workflow.phases.entries()) {
    const done = isResolved || index < now;
    const shown = done ? paint('green', `✓ ${name}`) : index === now ? current(name) : paint('dim', `· ${name}`);
    const line = lines.at(-1);
    const width = widthOf(name) + 2;
    if (line && line.width + ARROW.length + width <= columns) {
      line.text += paint('dim', ARROW) + shown;
      line.width += ARROW.length + width;
    } else lines.push({ text: shown, width });
  }
  return ['', ...lines.map(({ text }) => text)];
}

/** Whose work the workflow awaits; where it is nobody's, why it stands where it stands. */
function waiting({ progress, status }: Issue, alive: readonly Agent[], { paint, columns }: BoardTarget): string[] {
  if (!progress || status !== 'running') return [];
  if (progress.waiting_for.length === 0) {
    return progress.reason === '' ? [] : [`${paint('yellow', '◌')} ${cut(cleanText(progress.reason), columns - 2)}`];
  }
  const names = progress.waiting_for.map((agentType) =>
    alive.some(({ agent_type }) => agent_type === agentType) ? agentType : `${agentType} (about to start)`,
  );
  const [first = '', ...rest] = wrap(`the issue waits on ${names.join(', ')}`, columns - 2);
  return [`${paint('yellow', '◌')} ${first}`, ...rest.map((line) => `  ${line}`)];
}
