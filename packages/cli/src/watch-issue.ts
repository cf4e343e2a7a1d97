import type { SidecarClient } from '@orchestration-sidecar/sdk';
import type { Agent, Issue, SidecarEvent, Workflow } from '@orchestration-sidecar/shared';
import { needsOf } from './attention.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';
import { inlineView, type LiveView } from './live-view.ts';
import { refresh, Wake } from './refresh.ts';
import { issueBoard } from './render/issue-board.ts';
import { issueSummary } from './render/issue-summary.ts';
import { story } from './render/story.ts';
import { listenForStop } from './stop-requests.ts';
import { plain, type Terminal } from './terminal.ts';

/** How long a sidecar that restarts is waited for, in milliseconds. */
const GIVE_UP_AFTER_MS = 60_000;

/** What to watch, and where to show it. */
export interface IssueWatch {
  readonly client: SidecarClient;
  readonly issue: Issue;
  /** Position of the log to tell from; undefined: from the oldest event that is kept. */
  readonly cursor: string | undefined;
  /** Print the issue as JSON at the end, and the story to standard error. */
  readonly json: boolean;
  readonly terminal: Terminal;
}

/**
 * Shows an issue until it is resolved.
 * @throws {CommandFailure} when it has failed or is cancelled, or the person stops watching.
 */
export async function watchIssue({ client, issue: first, cursor, json, terminal }: IssueWatch): Promise<void> {
  const { stop } = listenForStop();
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal, terminal.outputClosed]);
  const target = { issue_id: first.issue_id, project_id: first.project_id };
  const { workflows } = await client.workflows.list({});
  const workflow = workflows.find(({ name }) => name === first.workflow);
  const view = !json && terminal.outputIsTerminal ? inlineView(terminal) : undefined;
  const say = (line: string): void => {
    if (view) view.log(line);
    else if (json) terminal.note(line);
    else terminal.print(line);
  };
  const shown = new Shown({ workflow, view, terminal, say });
  const wake = new Wake();
  let issue = first;
  try {
    const told = follow({ client, issue: first, cursor, signal }, (event) => {
      shown.tell(event);
      wake.call();
    });
    await refresh(client, wake, signal, {
      ask: async () => {
        const asked = [client.issues.get(target), client.agents.list({ ...target, limit: 1000 })] as const;
        const [now, { agents }] = await Promise.all(asked);
        return { now, agents };
      },
      onAnswer: ({ now, agents }) => {
        issue = now;
        shown.show(now, agents);
        return shown.isTold(now);
      },
      onLost: (error) => shown.lose(error.detail),
      giveUpAfterMs: GIVE_UP_AFTER_MS,
    });
    over.abort();
    await told;
  } finally {
    over.abort();
    shown.close();
  }
  if (!isOver(issue)) {
    throw new CommandFailure('Stopped watching; the work goes on.', {
      exitCode: EXIT.interrupted,
      recovery: `\`sidecar issue watch ${issue.issue_id}\` shows it again.`,
    });
  }
  const [{ results }, { agents }] = await Promise.all([
    client.results.list({ ...target, limit: 1000 }),
    client.agents.list({ ...target, limit: 1000 }),
  ]);
  if (json) terminal.print(JSON.stringify(issue, null, 2));
  else terminal.print(issueSummary({ issue, agents, results }, terminal).join('\n'));
  if (issue.status !== 'resolved') {
    // The story has said why.
    const why = shown.hasToldEnd ? '.' : `: ${issue.progress?.reason ?? issue.status}`;
    throw new CommandFailure(`The issue ${issue.issue_id} is not resolved${why}`, {
      recovery: `\`sidecar agents list --issue ${issue.issue_id}\` and \`sidecar results list --issue ${issue.issue_id}\` show what happened.`,
    });
  }
}

interface ShownNeeds {
  readonly workflow: Workflow | undefined;
  /** Undefined: only the story is told. */
  readonly view: LiveView | undefined;
  readonly terminal: Terminal;
  readonly say: (line: string) => void;
}

/** What the person sees: the story so far, and below it, on a terminal, how things stand. */
class Shown {
  readonly #needs: ShownNeeds;
  readonly #calls = new Set<string>();
  #lost = false;
  #endTold = false;
  #overSinceMs: number | undefined;

  constructor(needs: ShownNeeds) {
    this.#needs = needs;
  }

  tell(event: SidecarEvent): void {
    const { view, terminal, say } = this.#needs;
    this.#endTold ||= ENDS.has(event.event_type);
    const line = story(event, view ? { paint: terminal.paint, columns: terminal.size().columns } : UNBOUNDED);
    if (line !== undefined) say(line);
  }

  show(issue: Issue, agents: readonly Agent[]): void {
    const { view, terminal, say, workflow } = this.#needs;
    this.#lost = false;
    const needs = needsOf(issue, workflow, agents);
    if (view) {
      const { paint } = terminal;
      const target = { paint, ...terminal.size(), nowMs: Date.now() };
      return view.show(issueBoard({ issue, workflow, agents, needs }, target));
    }
    for (const { what, command } of isOver(issue) ? [] : needs) {
      if (!this.#calls.has(what)) say(`! needs a person: ${what}: ${command}`);
      this.#calls.add(what);
    }
  }

  lose(reason: string): void {
    if (!this.#lost) this.#needs.say(`The sidecar cannot be reached, trying again: ${reason}`);
    this.#lost = true;
  }

  /** Whether the issue is over and its story told to the end, which may take a moment longer. */
  isTold(issue: Issue): boolean {
    if (!isOver(issue)) return false;
    this.#overSinceMs ??= performance.now();
    return this.#endTold || performance.now() - this.#overSinceMs > LAST_WORDS_MS;
  }

  /** Whether how it ended, and why, was told. */
  get hasToldEnd(): boolean {
    return this.#endTold;
  }

  close(): void {
    this.#needs.view?.show([]);
    this.#needs.view?.close();
  }
}

/** Events that end the story of an issue. */
const ENDS: ReadonlySet<string> = new Set(['issue_resolved', 'issue_failed', 'issue_cancelled']);
/** How long the last event is waited for when the issue itself is over, in milliseconds. */
const LAST_WORDS_MS = 2000;
const UNBOUNDED = { paint: plain, columns: Infinity } as const;

function isOver({ status }: Issue): boolean {
  return status === 'resolved' || status === 'failed' || status === 'cancelled';
}

/** Hears what is published about an issue, until the signal. Failing to hear is no failure: what counts is asked for. */
async function follow(
  { client, issue, cursor, signal }: Pick<IssueWatch, 'client' | 'issue' | 'cursor'> & { signal: AbortSignal },
  onEvent: (event: SidecarEvent) => void,
): Promise<void> {
  const subscription = client.events.subscribe(
    { project_id: issue.project_id, filter: `issue_id:${issue.issue_id}`, cursor },
    { signal, onGap: () => undefined },
  );
  try {
    for await (const event of subscription) onEvent(event);
  } catch {
    // The asking meets the same trouble and says so.
  }
}
