import type { Phase, Workflow } from '@orchestration-sidecar/shared';
import type { Terminal } from '../terminal.ts';
import { duration } from './quantity.ts';
import { wrap } from './text.ts';

/** Columns where there is no terminal. */
const WIDE = 100;

/** A workflow drawn with lines, phase below phase. */
export function workflowLines({ name, description, phases, limits }: Workflow, terminal: Terminal): string[] {
  const { paint } = terminal;
  const columns = terminal.outputIsTerminal ? terminal.size().columns : WIDE;
  const tokens = limits.max_tokens === null ? '' : `, ${limits.max_tokens} tokens`;
  return [
    paint('bold', name),
    ...wrap(description, columns),
    '',
    ...phases.flatMap((phase, index) => {
      const last = index === phases.length - 1;
      const facts = factsOf(phase).flatMap((fact) => wrap(fact, columns - 4));
      return [
        `${paint('cyan', '●')} ${paint('bold', phase.name)}`,
        ...facts.map((fact) => `${last ? ' ' : paint('cyan', '│')}   ${fact}`),
        ...(last ? [] : [paint('cyan', '│')]),
      ];
    }),
    '',
    paint(
      'dim',
      `at most ${limits.max_spawns} agents, ${limits.max_rounds} rounds, ${duration(limits.max_wall_seconds * 1000)}${tokens}`,
    ),
  ];
}

function factsOf(phase: Phase): string[] {
  const { when, wait_for, checks, findings_to, on_failure } = phase;
  return [
    runnersOf(phase),
    ...(when
      ? [`only if ${when.if === 'event' ? `${when.event_type} was published` : `${when.if} in ${when.phase}`}`]
      : []),
    ...wait_for.map(
      ({ event_type, from }) => `waits for ${event_type} from ${from === 'operator' ? 'a person' : 'anyone'}`,
    ),
    ...(checks === 'project'
      ? ['checks the tests of the project']
      : checks.map(({ name, command }) => `checks ${name}: ${command.join(' ')}`)),
    ...(findings_to === null ? [] : [`findings go back to ${findings_to}`]),
    ...(on_failure === 'continue' ? ['goes on when work fails'] : []),
  ];
}

function runnersOf({ run }: Phase): string {
  if (run.by === 'agents') return run.agents.join(', ');
  const chosen =
    run.by === 'chosen'
      ? `${run.category} agents that ${run.from_phase} chooses`
      : `at most ${run.at_most} who can ${run.capability}`;
  return `${chosen}, else ${run.otherwise.join(', ')}`;
}
