import type { ContextRequirement } from '@orchestration-sidecar/shared';
import type { FileKind, FileRole } from './file-kind.ts';

/** Roles that a requirement brings in whatever the task is. */
const ROLES: Readonly<Partial<Record<ContextRequirement, readonly FileRole[]>>> = {
  test_files: ['test'],
  config_files: ['config', 'manifest', 'standards'],
  dependency_manifests: ['manifest'],
  security_files: ['security'],
  ci_files: ['ci'],
  infrastructure_files: ['infrastructure', 'ci'],
  readme_files: ['readme'],
  documentation: ['documentation', 'readme', 'design'],
  api_specifications: ['api'],
  design_documents: ['design'],
  coding_standards: ['standards'],
  coverage_reports: ['coverage'],
};

/** What a file’s place in the ranking says. */
export interface Standing {
  /** Among the best for the task. */
  readonly relevant: boolean;
  /** Changed in the last 24 h. */
  readonly recent: boolean;
}

/** Answers by which requirements a file comes in; none: it stays out. */
export function groundsOf(
  kind: FileKind,
  requirements: ReadonlySet<ContextRequirement>,
  { relevant, recent }: Standing,
): ContextRequirement[] {
  return [...requirements].filter((requirement) => {
    if (requirement === 'all_files') return true;
    if (requirement === 'relevant_files') return relevant || recent;
    if (requirement === 'test_files' && !wantsAllTests(requirements) && !relevant) return false;
    return ROLES[requirement]?.some((role) => kind.roles.has(role)) ?? false;
  });
}

/** Who looks at coverage or security works on the tests themselves; others need those of their module. */
function wantsAllTests(requirements: ReadonlySet<ContextRequirement>): boolean {
  return (
    requirements.has('coverage_reports') || requirements.has('security_files') || !requirements.has('relevant_files')
  );
}

/** Steps in which a budget is spent: the specification’s priority order, as far as it speaks of files. */
export const PRIORITIES = ['task', 'recent', 'tests', 'config', 'documentation', 'rest'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** The step a file is in. */
export function priorityOf(kind: FileKind, { relevant, recent }: Standing): Priority {
  if (relevant) return 'task';
  if (recent) return 'recent';
  if (kind.roles.has('test')) return 'tests';
  if (['config', 'manifest', 'ci', 'infrastructure', 'standards'].some((role) => kind.roles.has(role as FileRole)))
    return 'config';
  if (['documentation', 'readme', 'design', 'api'].some((role) => kind.roles.has(role as FileRole)))
    return 'documentation';
  return 'rest';
}
