import type { Phase, Workflow } from './workflow.ts';

/**
 * Draws a workflow as a Mermaid flow chart: phases in their order with who runs in them, conditions and gates on the
 * way in, and where findings go back to.
 */
export function workflowGraph({ name, phases, limits }: Workflow): string {
  const lines = ['flowchart TD', `  start([${quoted(`issue: ${name}`)}])`, `  done([${quoted('resolved')}])`];
  for (const [index, phase] of phases.entries()) lines.push(`  ${node(index)}[${quoted(labelOf(phase))}]`);
  for (const [index, phase] of phases.entries()) {
    const from = index === 0 ? 'start' : node(index - 1);
    lines.push(`  ${from} -->${edgeLabel(entryOf(phase))} ${node(index)}`);
    if (phase.when) {
      const past = index + 1 < phases.length ? node(index + 1) : 'done';
      lines.push(`  ${from} -.->${edgeLabel('else')} ${past}`);
    }
  }
  lines.push(`  ${node(phases.length - 1)} --> done`);
  for (const [index, { findings_to: to }] of phases.entries()) {
    if (to === null) continue;
    const target = phases.findIndex((phase) => phase.name === to);
    lines.push(`  ${node(index)} -.->${edgeLabel(`findings, up to ${limits.max_rounds} rounds`)} ${node(target)}`);
  }
  return `${lines.join('\n')}\n`;
}

function node(index: number): string {
  return `phase${index + 1}`;
}

function labelOf({ name, run, checks, on_failure }: Phase): string {
  const names = checks === 'project' ? ['tests of the project'] : checks.map((check) => check.name);
  const checked = names.length > 0 ? `checks: ${names.join(', ')}` : '';
  return [name, runnersOf(run), checked, on_failure === 'continue' ? 'may fail' : ''].filter(Boolean).join('<br/>');
}

function runnersOf(run: Phase['run']): string {
  if (run.by === 'agents') return run.agents.join(', ');
  if (run.by === 'chosen') return `${run.category} agents chosen by ${run.from_phase}`;
  return `up to ${run.at_most} with ${run.capability}`;
}

function entryOf({ when, wait_for: gates }: Phase): string {
  const condition = when && (when.if === 'event' ? `if ${when.event_type}` : `if ${when.if} in ${when.phase}`);
  return [condition, ...gates.map((gate) => `after ${gate.event_type}`)].filter(Boolean).join(', ');
}

function edgeLabel(text: string): string {
  return text === '' ? '' : `|${quoted(text)}|`;
}

/** Mermaid reads quotation marks as the end of a label; everything else in quotes is text. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '#quot;')}"`;
}
