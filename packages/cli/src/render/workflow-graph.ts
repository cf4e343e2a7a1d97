import type { Phase, Workflow } from '@orchestration-sidecar/shared';
import type { Terminal } from '../terminal.ts';
import { duration } from './quantity.ts';
import { wrap } from './text.ts';

/** A workflow drawn with lines, phase below phase. */
export function workflowLines({ name, description, phases, limits }: Workflow, { paint, size, outputIsTerminal }: Terminal): string[] {
  const columns = outputIsTerminal ? size().columns : 100;
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
      `at most ${limits.max_spawns} agents, ${limits.max_rounds} rounds, ${duration(limits.max_wall_seconds * 1000)}` +
        `${limits.max_tokens === null ? '' : `, ${limits.max_tokens} tokens`}`,
    ),
  ];
}

/** A workflow as a Mermaid flow chart. */
export function mermaidGraph({ phases }: Workflow): string[] {
  const last = phases.at(-1);
  return [
    'flowchart TD',
    ...phases.map((phase) => `  ${idOf(phase.name)}["${phase.name}<br/>${runnersOf(phase)}"]`),
    ...phases.slice(1).map((phase, index) => `  ${idOf(phases[index]?.name ?? '')} --> ${idOf(phase.name)}`),
    ...(last ? [`  ${idOf(last.name)} --> resolved((resolved))`] : []),
    ...phases.flatMap(({ name, findings_to }) => (findings_to === null ? [] : [`  ${idOf(name)} -. findings .-> ${idOf(findings_to)}`])),
  ];
}

function factsOf(phase: Phase): string[] {
  const { when, wait_for, checks, findings_to, on_failure } = phase;
  return [
    runnersOf(phase),
    ...(when ? [`only if ${when.if === 'event' ? `${when.event_type} was published` : `${when.if} in ${when.phase}`}`] : []),
    ...wait_for.map(({ event_type, from }) => `waits for ${event_type} from ${from === 'operator' ? 'a person' : 'anyone'}`),
    ...checks.map(({ name, command }) => `checks ${name}: ${command.join(' ')}`),
    ...(findings_to === null ? [] : [`findings go back to ${findings_to}`]),
    ...(on_failure === 'continue' ? ['goes on when work fails'] : []),
  ];
}

function runnersOf({ run }: Phase): string {
  switch (run.by) {
    case 'agents':
      return run.agents.join(', ');
    case 'chosen':
      return `${run.category} agents that ${run.from_phase} chooses, else ${run.otherwise.join(', ')}`;
    case 'capability':
      return `who can ${run.capability}, else ${run.otherwise.join(', ')}`;
  }
}

function idOf(phase: string): string {
  return phase.replaceAll('-', '_');
}
