import type { AgentUsage, ResultBody } from '@orchestration-sidecar/shared';
import { z } from 'zod';
import type { Failure } from './failure.ts';
import { handedIn } from './handed-in.ts';
import { jsonLine } from './json-line.ts';
import { type OutputParser, type OutputReport, type OutputUpdate, UNKNOWN_USAGE } from './output.ts';

const Count = z.number().int().nonnegative().nullish();

/**
 * Lines an agent may write to standard output to tell how it goes; every other line is log. Usage is the use so far.
 * Unknown fields are let through.
 */
export const AgentLine = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('activity'),
    kind: z.enum(['working', 'waiting']).default('working'),
    cause: z.string().max(2000),
  }),
  z.looseObject({
    type: z.literal('usage'),
    input_tokens: Count,
    output_tokens: Count,
    cost_usd: z.number().nonnegative().nullish(),
    turns: Count,
  }),
  // Any further field of a result counts as well: `files_modified`, `findings` …
  z.looseObject({
    type: z.literal('result'),
    status: z.enum(['success', 'partial', 'failure', 'failed', 'error', 'blocked']),
    summary: z.string().optional(),
  }),
]);
export type AgentLine = z.infer<typeof AgentLine>;

/** Output of any program. */
export class LineOutput implements OutputParser {
  #usage: AgentUsage = UNKNOWN_USAGE;
  #finished = false;
  #failures: readonly Failure[] = [];
  #result: ResultBody | null = null;

  feed(line: string): OutputUpdate | undefined {
    const read = jsonLine(line);
    // Most lines are log, and a refusal of the schema costs four times what reading the line does.
    if (read === undefined) return undefined;
    const parsed = AgentLine.safeParse(read);
    if (!parsed.success) return undefined;
    const said = parsed.data;
    switch (said.type) {
      case 'activity':
        return { activity: { kind: said.kind, cause: said.cause } };
      case 'usage':
        this.#usage = {
          input_tokens: said.input_tokens ?? this.#usage.input_tokens,
          output_tokens: said.output_tokens ?? this.#usage.output_tokens,
          cost_usd: said.cost_usd ?? this.#usage.cost_usd,
          turns: said.turns ?? this.#usage.turns,
        };
        return { usage: this.#usage };
      default:
        this.#finished = true;
        this.#failures = failureSaid(said.status, said.summary);
        this.#result = resultSaid(said);
        return { activity: { kind: 'working', cause: `reported ${said.status}` } };
    }
  }

  get report(): OutputReport {
    return {
      usage: this.#usage,
      sessionId: null,
      finished: this.#finished,
      failures: this.#failures,
      result: this.#result,
    };
  }
}

function resultSaid({ type: _, ...result }: Extract<AgentLine, { type: 'result' }>): ResultBody | null {
  return handedIn(result, result.summary);
}

function failureSaid(status: string, summary: string | undefined): readonly Failure[] {
  if (status === 'success' || status === 'partial') return [];
  const reason = status === 'blocked' ? 'blocked' : 'reported';
  return [{ reason, detail: summary ?? `the agent reported ${status}` }];
}
