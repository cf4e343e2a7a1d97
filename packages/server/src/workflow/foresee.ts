import type { Catalogue } from './choose.ts';
import { decide } from './decide.ts';
import type { Input } from './input.ts';
import { checkKey, currentJobs, currentPhase, isOpen, isOver, type Run } from './run.ts';

/**
 * The run after something has happened, as it goes on when the checks that then run pass: what can be said of who is next
 * before they have run. Pure, as {@link decide}.
 */
export function foresee(run: Run, input: Input, catalogue: Catalogue): Run {
  const { run: then } = decide(run, input, catalogue);
  const jobs = currentJobs(then);
  const isChecked = currentPhase(then)?.checks.length !== 0 && jobs.some((job) => job.state === 'delivered');
  if (isOver(then) || then.phase_state === 'waiting' || !isChecked || jobs.some(isOpen)) return then;
  const checking: Run = { ...then, phase_state: 'checking' };
  const passed = { kind: 'checked', key: checkKey(checking), checks: [], reason: null } as const;
  return decide(checking, { ...input, happening: passed }, catalogue).run;
}
