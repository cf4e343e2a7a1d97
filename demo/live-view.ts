import type { OutputOf, Contract, SidecarEvent } from '@orchestration-sidecar/sdk';

type Agent = OutputOf<Contract['agents']['list']>['agents'][number];

const MARKS: Readonly<Record<string, string>> = {
  starting: '…',
  queued: '…',
  running: '▶',
  stopping: '■',
  exited: '✔',
  failed: '✘',
  stopped: '■',
};
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/**
 * Shows who works on what. On a terminal the agents stand below the events and are redrawn; elsewhere each change is
 * a line of its own.
 */
export class LiveView {
  readonly #out: NodeJS.WriteStream;
  readonly #startedMs = performance.now();
  readonly #said = new Map<string, string>();
  #drawn = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    if (out.isTTY) out.write(HIDE_CURSOR);
  }

  /** Adds a line for an event. */
  event(event: SidecarEvent): void {
    this.#print(`${this.#clock()}  ${event.topic.padEnd(14)}  ${event.event_type.padEnd(24)}  ${summaryOf(event)}`);
  }

  /** Shows the agents as they are now. */
  agents(agents: readonly Agent[]): void {
    if (this.#out.isTTY) return this.#draw(agents);
    for (const agent of agents) {
      const line = lineOf(agent);
      if (this.#said.get(agent.agent_id) === line) continue;
      this.#said.set(agent.agent_id, line);
      this.#print(`${this.#clock()}  ${line}`);
    }
  }

  /** Leaves the terminal as it was. */
  close(): void {
    if (this.#out.isTTY) this.#out.write(SHOW_CURSOR);
  }

  #print(line: string): void {
    this.#erase();
    this.#out.write(`${line.slice(0, (this.#out.columns ?? 160) - 1)}\n`);
  }

  #draw(agents: readonly Agent[]): void {
    this.#erase();
    const width = this.#out.columns ?? 80;
    const lines = ['', ...agents.toReversed().map((agent) => lineOf(agent).slice(0, width - 1))];
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }

  #clock(): string {
    return `${((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(5)} s`;
  }
}

function lineOf({ agent_type: agentType, state, activity, process_id: pid, attempt }: Agent): string {
  const doing = state === 'running' ? activity.cause : state;
  return `${MARKS[state] ?? '?'} ${agentType.padEnd(22)} pid ${String(pid ?? '-').padEnd(7)} ${attempt > 1 ? `attempt ${attempt}, ` : ''}${doing}`;
}

function summaryOf({ data, publisher_type: publisher }: SidecarEvent): string {
  const subject = text(data['agent_type']) ?? publisher;
  const said = ['summary', 'reason', 'phase', 'error'].flatMap((name) => text(data[name]) ?? []);
  return [subject, ...said.slice(0, 1)].join(': ');
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
