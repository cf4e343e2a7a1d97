import { z } from 'zod';
import { AgentId, AgentType, IssueId, ProjectId, ResultId, Timestamp } from './ids.ts';
import { isCleanText, JsonRecord, text } from './json.ts';

/** How the work went. `failed` and `error` are read as `failure`. */
export const ResultStatus = z
  .enum(['success', 'partial', 'failure', 'blocked'])
  .meta({ id: 'ResultStatus', description: 'How the work went.' });
export type ResultStatus = z.infer<typeof ResultStatus>;

const StatusInput = z
  .enum(['success', 'partial', 'failure', 'blocked', 'failed', 'error'])
  .transform((status): ResultStatus => (status === 'failed' || status === 'error' ? 'failure' : status))
  .describe('How the work went; `failed` and `error` are read as `failure`.');

const Line = z.string().max(16_384).refine(isCleanText, 'holds NUL or a lone surrogate');
const Lines = z.array(Line).max(10_000).default([]);
/** A sentence, or an object with more to say about it. */
const Remarks = z
  .array(z.union([Line, JsonRecord]))
  .max(10_000)
  .default([]);

/** How much a finding matters, least first. */
export const FINDING_SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
/** How much a finding matters. */
export const FindingSeverity = z.enum(FINDING_SEVERITIES).meta({ id: 'FindingSeverity' });
export type FindingSeverity = z.infer<typeof FindingSeverity>;

/** Something a reviewer wants changed. Findings have ids so that each can be followed until it is settled. */
export const Finding = z
  .looseObject({
    id: z.string().min(1).max(128).describe('Id of the finding, unique within its issue.'),
    message: text(16_384).describe('What is wrong.'),
    severity: FindingSeverity.default('medium'),
    path: text(4096).optional().describe('File concerned, relative to the project root.'),
    suggested_agent: AgentType.optional().describe('Agent type that should settle it.'),
  })
  .meta({ id: 'Finding' });
export type Finding = z.infer<typeof Finding>;

/** How an agent settled a finding. */
export const FindingAnswer = z
  .looseObject({
    id: z.string().min(1).max(128),
    answer: z.enum(['addressed', 'rebutted']),
    reason: text(16_384).optional(),
  })
  .meta({ id: 'FindingAnswer' });
export type FindingAnswer = z.infer<typeof FindingAnswer>;

/** Body of a result (specification "POST /api/results"). Further fields are kept as sent. */
export const ResultBody = z
  .looseObject({
    status: StatusInput,
    summary: text(65_536).optional().describe('What was done, for people.'),
    files_created: Lines,
    files_modified: Lines,
    files_deleted: Lines,
    decisions: Remarks.describe('Decisions that later agents must know.'),
    metrics: JsonRecord.default({}).describe('Numbers: `execution_time_ms`, `tokens_used`, `test_coverage` …'),
    artifacts: JsonRecord.default({}).describe('Named documents.'),
    errors: Remarks,
    warnings: Remarks,
    findings: z.array(Finding).max(1000).default([]).describe('What a reviewer wants changed.'),
    findings_answered: z.array(FindingAnswer).max(1000).default([]).describe('How findings were settled.'),
    next_agents: z.array(AgentType).max(32).default([]).describe('Agent types this agent suggests to run next.'),
  })
  .superRefine((body, context) => {
    const extra = JsonRecord.safeParse({ ...body });
    if (!extra.success) context.addIssue({ code: 'custom', message: 'holds values that are not clean JSON' });
  })
  .meta({ id: 'ResultBody' });
export type ResultBody = z.output<typeof ResultBody>;

/** A stored result. */
export const StoredResult = z
  .object({
    id: ResultId,
    agent_id: AgentId,
    agent_type: AgentType,
    issue_id: IssueId,
    project_id: ProjectId,
    result: z.looseObject({ status: ResultStatus }).describe('The body as stored.'),
    timestamp: Timestamp.describe('When the agent says the work was done.'),
    stored_at: Timestamp,
  })
  .meta({ id: 'Result' });
export type StoredResult = z.infer<typeof StoredResult> & { readonly result: ResultBody };
