import { AgentType, Finding, FINDING_SEVERITIES, ResultBody, ResultStatus } from '@orchestration-sidecar/shared';
import { z } from 'zod';

const Text = z.string();
const Texts = z.array(Text);

/** What an agent program is asked to end with: the fields of a result that a language model can know. */
const Report = z.object({
  status: ResultStatus.describe('success only when the work is done and was tried; else partial, failure or blocked.'),
  summary: Text.describe('What was done, for people.'),
  files_created: Texts.describe('Paths relative to the project root.'),
  files_modified: Texts,
  files_deleted: Texts,
  decisions: Texts.describe('Decisions that later agents must know.'),
  errors: Texts,
  warnings: Texts,
  findings: z
    .array(
      z.object({
        id: Finding.shape.id,
        message: Text.describe('What is wrong.'),
        severity: z.enum(FINDING_SEVERITIES),
        path: Text.optional().describe('File concerned, relative to the project root.'),
        suggested_agent: AgentType.optional().describe('Agent type that should settle it.'),
      }),
    )
    .describe('What must change, when the task is to review; else empty.'),
  findings_answered: z
    .array(z.object({ id: Text, answer: z.enum(['addressed', 'rebutted']), reason: Text.optional() }))
    .describe('How findings given in the task were settled; else empty.'),
  next_agents: z.array(AgentType).describe('Agent types that should go on, when the task asks for them; else empty.'),
});

let schema: object | undefined;

/** JSON Schema (draft 7) of {@link Report}, for programs that can be told how to end. Made when it is first asked for. */
export function reportSchema(): object {
  return (schema ??= z.toJSONSchema(Report, { target: 'draft-7' }));
}

/**
 * The result that an agent’s last words amount to, which is stored for agents that do not store one themselves. A report
 * that is none of ours is a failure that says why: what was found or changed cannot be told from it, and taking it for a
 * success would lose findings.
 * @param report fields of a result, as the program printed them; undefined or null: it printed none.
 * @param lastWords taken as the summary of a success when there is no report.
 * @returns null when neither says anything.
 */
export function handedIn(report: unknown, lastWords: string | undefined): ResultBody | null {
  const summary = (lastWords ?? '').slice(0, MAX_SUMMARY_CHARS).toWellFormed().replaceAll('\0', '\uFFFD');
  if (report === undefined || report === null) {
    return summary.trim() === '' ? null : ResultBody.parse({ status: 'success', summary });
  }
  const body = ResultBody.safeParse(report);
  if (body.success) return body.data;
  const faults = body.error.issues.slice(0, MAX_FAULTS).map(({ path, message }) => `${path.join('.')}: ${message}`);
  const errors = faults.map((fault) =>
    `its report could not be read: ${fault}`.slice(0, MAX_SUMMARY_CHARS).toWellFormed(),
  );
  const isBlocked = z.looseObject({ status: z.literal('blocked') }).safeParse(report).success;
  return ResultBody.parse({ status: isBlocked ? 'blocked' : 'failure', summary, errors });
}

const MAX_SUMMARY_CHARS = 16_384;
const MAX_FAULTS = 10;
