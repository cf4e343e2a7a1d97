import { z } from 'zod';
import { AgentType, IssueId, Timestamp } from './ids.ts';

/** What a context may hold, as profiles and spawn requests name it (specification "Context Types"). */
export const CONTEXT_REQUIREMENTS = [
  'project_structure',
  'git_context',
  'relevant_files',
  'all_files',
  'test_files',
  'config_files',
  'dependency_manifests',
  'security_files',
  'ci_files',
  'infrastructure_files',
  'readme_files',
  'documentation',
  'api_specifications',
  'design_documents',
  'coding_standards',
  'coverage_reports',
  'previous_outputs',
  'previous_decisions',
  'previous_reviews',
] as const;

/** One name of {@link CONTEXT_REQUIREMENTS}. */
export const ContextRequirement = z.enum(CONTEXT_REQUIREMENTS).meta({ id: 'ContextRequirement' });
export type ContextRequirement = z.infer<typeof ContextRequirement>;

const Size = z.int().nonnegative();

/** Where the project lies and what is in it. */
export const ProjectStructure = z
  .object({
    root: z.string().describe('Absolute path of the project.'),
    files: z.array(z.string()).describe('Paths relative to the root.'),
    directories: z.array(z.string()),
    total_files: Size,
    total_directories: Size,
  })
  .meta({ id: 'ProjectStructure' });
export type ProjectStructure = z.infer<typeof ProjectStructure>;

/** A file with its content, or the part of it that fitted. */
export const ContextFile = z
  .object({
    path: z.string(),
    content: z.string(),
    last_modified: Timestamp,
    size: Size.describe('Size on disk, in bytes.'),
    language: z.string().nullable(),
    checksum: z.string().describe('`sha256:` and the digest of the bytes that were read.'),
    truncated: z.boolean(),
    score: z.number().describe('Rank score, higher is more relevant.'),
    reasons: z.array(z.string()).describe('Why the file is here, strongest first.'),
  })
  .meta({ id: 'ContextFile' });
export type ContextFile = z.infer<typeof ContextFile>;

/** A file that was left out. */
export const OmittedFile = z.object({ path: z.string(), size: Size, reason: z.string() }).meta({ id: 'OmittedFile' });
export type OmittedFile = z.infer<typeof OmittedFile>;

/** One commit. */
export const Commit = z
  .object({
    hash: z.string(),
    message: z.string(),
    author: z.string(),
    timestamp: Timestamp,
    files: z.array(z.string()),
  })
  .meta({ id: 'Commit' });
export type Commit = z.infer<typeof Commit>;

/** State of the repository; `branch` is null when the head is detached or the project is not a repository. */
export const GitContext = z
  .object({
    branch: z.string().nullable(),
    head: z.string().nullable(),
    recent_commits: z.array(Commit),
    uncommitted_changes: z.array(z.string()),
    unavailable: z
      .string()
      .nullable()
      .describe(
        'Why git could not be asked, and history and changes are not in this; null: it was, or there is no repository.',
      ),
  })
  .meta({ id: 'GitContext' });
export type GitContext = z.infer<typeof GitContext>;

/** What an earlier agent of the same issue stored. */
export const PreviousOutput = z
  .object({
    agent: AgentType,
    agent_id: z.string(),
    result_id: z.string(),
    timestamp: Timestamp,
    status: z.string(),
    decision: z.string().nullable().describe('The first decision.'),
    decisions: z.array(z.unknown()),
    summary: z.string().nullable(),
    findings: z.array(z.unknown()),
  })
  .meta({ id: 'PreviousOutput' });
export type PreviousOutput = z.infer<typeof PreviousOutput>;

/** Facts about the project; `null` is unknown, never zero. */
export const ContextMetadata = z
  .object({
    project_type: z.string().nullable(),
    dependencies: z.array(z.string()),
    test_coverage: z.number().nullable(),
    last_build_status: z.string().nullable(),
  })
  .meta({ id: 'ContextMetadata' });
export type ContextMetadata = z.infer<typeof ContextMetadata>;

/** Task that the context is for. */
export const ContextTask = z
  .object({ title: z.string(), body: z.string(), task: z.string().nullable() })
  .meta({ id: 'ContextTask' });
export type ContextTask = z.infer<typeof ContextTask>;

/** Answer of `context.get` (specification "GET /api/context/:issue_id/:agent_type"). */
export const AgentContext = z
  .object({
    issue_id: IssueId,
    agent_type: AgentType,
    context: z.object({
      task: ContextTask,
      project_structure: ProjectStructure,
      relevant_files: z.array(ContextFile),
      git_context: GitContext,
      previous_agent_outputs: z.array(PreviousOutput),
      metadata: ContextMetadata,
    }),
    omitted_files: z.array(OmittedFile).describe('Best of what was left out, with the reason.'),
    omitted_count: Size,
    truncated: z.boolean(),
    truncation_strategy: z.string().describe('`none`, or the strategies applied joined by `+`.'),
    total_size_bytes: Size,
    file_count: Size,
    cache_hit: z.boolean(),
    timestamp: Timestamp,
  })
  .meta({ id: 'Context' });
export type AgentContext = z.infer<typeof AgentContext>;
