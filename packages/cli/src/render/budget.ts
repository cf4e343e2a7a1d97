import type { ProjectBudget } from '@orchestration-sidecar/shared';
import type { Paint, Style } from '../terminal.ts';
import { grouped } from './quantity.ts';
import { cut, widthOf } from './text.ts';

/** A project and what its agents use of what it may take. */
export interface BudgetOf {
  readonly project_id: string;
  readonly budget: ProjectBudget;
}

const LEVELS = {
  ok: { style: 'dim', says: '' },
  low: { style: 'yellow', says: 'little is left' },
  used_up: { style: 'red', says: 'no further agent starts' },
  passed: { style: 'red', says: 'its agents are ended' },
} as const satisfies Record<ProjectBudget['level'], { style: Style; says: string }>;

/**
 * What each project used of what it may take, a line each, those first that have least left; projects without a bound
 * are left out.
 */
export function budgetLines(
  budgets: readonly BudgetOf[],
  { paint, columns }: { readonly paint: Paint; readonly columns: number },
): string[] {
  const order = Object.keys(LEVELS);
  const sorted = budgets.toSorted((a, b) => order.indexOf(b.budget.level) - order.indexOf(a.budget.level));
  return sorted.flatMap(({ project_id, budget }) => {
    const { style, says } = LEVELS[budget.level];
    const shares = [
      share(budget.tokens, grouped, ' tokens'),
      share(budget.cost_usd, (usd) => `$${usd.toFixed(2)}`),
      share(budget.spawns, grouped, ' agents'),
    ].filter((said) => said !== '');
    if (shares.length === 0) return [];
    const told = [`${shares.join(', ')} in ${budget.hours} h`, ...(says === '' ? [] : [says])].join(' · ');
    return [`  ${project_id}  ${paint(style, cut(told, columns - widthOf(project_id) - 4))}`];
  });
}

function share({ used, reserved, max }: ProjectBudget['tokens'], say: (count: number) => string, unit = ''): string {
  if (max === null) return '';
  return `${say(used)} of ${say(max)}${unit}${reserved > 0 ? ` (${say(reserved)} reserved)` : ''}`;
}
