import type { AgentUsage, ResultBody } from '@orchestration-sidecar/shared';
import { z } from 'zod';
import type { Failure, FailureReason } from './failure.ts';
import { handedIn } from './handed-in.ts';
import { jsonLine } from './json-line.ts';
import { type OutputParser, type OutputReport, type OutputUpdate, UNKNOWN_USAGE } from './output.ts';

// Every field is optional and whatever else a line holds is let through: the program's versions differ.
const Tokens = z.number().nonnegative().catch(0).default(0);
const Text = z.string().optional().catch(undefined);

const Init = z.looseObject({
  // Becomes an argument of the attempt that resumes it: nothing that could be taken for an option.
  session_id: z
    .string()
    .regex(/^\w[\w-]{0,127}$/)
    .optional()
    .catch(undefined),
  model: Text,
  mcp_servers: z.array(z.looseObject({ name: z.string().catch('?'), status: z.string().catch('?') })).catch([]),
});
const Retry = z.looseObject({
  attempt: z.number().catch(0),
  max_retries: z.number().catch(0),
  error_status: z.number().nullish().catch(null),
});
const MessageUsage = z.looseObject({
  input_tokens: Tokens,
  cache_creation_input_tokens: Tokens,
  cache_read_input_tokens: Tokens,
  output_tokens: Tokens,
});
const Assistant = z.looseObject({
  message: z.looseObject({
    id: Text,
    usage: MessageUsage.optional().catch(undefined),
    content: z.array(z.looseObject({ type: Text, name: Text })).catch([]),
  }),
});
const ModelUse = z.looseObject({
  inputTokens: Tokens,
  outputTokens: Tokens,
  cacheReadInputTokens: Tokens,
  cacheCreationInputTokens: Tokens,
});
const Result = z.looseObject({
  subtype: z.string().catch('no word on how it went'),
  is_error: z.boolean().catch(true),
  api_error_status: z.number().nullish().catch(null),
  num_turns: z.number().int().nonnegative().nullish().catch(null),
  result: Text,
  total_cost_usd: z.number().nonnegative().nullish().catch(null),
  modelUsage: z.record(z.string(), ModelUse).optional().catch(undefined),
  permission_denials: z.array(z.unknown()).catch([]),
  errors: z.array(z.unknown()).catch([]),
  structured_output: z.unknown().optional(),
});
type Result = z.infer<typeof Result>;

/** Messages whose use is remembered to be counted once: each comes as several lines with the same numbers. */
const REMEMBERED_MESSAGES = 256;

/** Claude Code’s `--output-format stream-json --verbose`. */
export class ClaudeOutput implements OutputParser {
  #sessionId: string | null = null;
  #usage: AgentUsage = UNKNOWN_USAGE;
  #finished = false;
  #resultFailures: readonly Failure[] = [];
  #handedIn: ResultBody | null = null;
  #serverFailures: readonly Failure[] = [];
  readonly #counted = new Map<string, { input: number; output: number }>();

  feed(line: string): OutputUpdate | undefined {
    const said = jsonLine(line);
    switch (said?.['type']) {
      case 'system':
        return this.#system(said);
      case 'assistant':
        return this.#assistant(said);
      case 'user':
        return { activity: { kind: 'working', cause: 'tool result' } };
      case 'result':
        return this.#result(Result.parse(said));
      default:
        return undefined;
    }
  }

  get report(): OutputReport {
    return {
      usage: this.#usage,
      sessionId: this.#sessionId,
      finished: this.#finished,
      failures: [...this.#resultFailures, ...this.#serverFailures],
      result: this.#handedIn,
    };
  }

  #system(said: object & { readonly subtype?: unknown }): OutputUpdate | undefined {
    if (said.subtype === 'init') {
      const init = Init.parse(said);
      this.#sessionId = init.session_id ?? this.#sessionId;
      this.#serverFailures = init.mcp_servers
        .filter(({ status }) => status !== 'connected')
        .map(({ name, status }) => ({ reason: 'mcp_unavailable', detail: `MCP server ${name}: ${status}` }));
      return { activity: { kind: 'working', cause: `started with ${init.model ?? 'an unnamed model'}` } };
    }
    if (said.subtype === 'api_retry') {
      const { attempt, max_retries: most, error_status: status } = Retry.parse(said);
      const answered = status == null ? 'did not answer' : `answered ${status}`;
      return { activity: { kind: 'waiting', cause: `the model provider ${answered}; attempt ${attempt} of ${most}` } };
    }
    return { activity: { kind: 'working', cause: typeof said.subtype === 'string' ? said.subtype : 'system' } };
  }

  #assistant(said: unknown): OutputUpdate {
    const { message } = Assistant.catch({ message: { id: undefined, usage: undefined, content: [] } }).parse(said);
    const tool = message.content.find(({ type }) => type === 'tool_use')?.name;
    const activity = { kind: 'working', cause: tool === undefined ? 'answering' : `using ${tool}` } as const;
    if (message.id === undefined || message.usage === undefined) return { activity };
    this.#count(message.id, message.usage);
    return { activity, usage: this.#usage };
  }

  /** Adds up what the messages say until the result line, which counts sub-agents as well, says it better. */
  #count(id: string, usage: z.infer<typeof MessageUsage>): void {
    const before = this.#counted.get(id);
    const input = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
    const output = usage.output_tokens;
    this.#counted.set(id, { input, output });
    const oldest = this.#counted.keys().next().value;
    if (this.#counted.size > REMEMBERED_MESSAGES && oldest !== undefined) this.#counted.delete(oldest);
    this.#usage = {
      ...this.#usage,
      input_tokens: (this.#usage.input_tokens ?? 0) + input - (before?.input ?? 0),
      output_tokens: (this.#usage.output_tokens ?? 0) + output - (before?.output ?? 0),
      turns: (this.#usage.turns ?? 0) + (before === undefined ? 1 : 0),
    };
  }

  #result(result: Result): OutputUpdate {
    const models = result.modelUsage === undefined ? undefined : Object.values(result.modelUsage);
    const sum = (of: (use: z.infer<typeof ModelUse>) => number): number | undefined =>
      models?.reduce((total, use) => total + of(use), 0);
    const input = sum((use) => use.inputTokens + use.cacheReadInputTokens + use.cacheCreationInputTokens);
    this.#usage = {
      input_tokens: input ?? this.#usage.input_tokens,
      output_tokens: sum((use) => use.outputTokens) ?? this.#usage.output_tokens,
      cost_usd: result.total_cost_usd ?? this.#usage.cost_usd,
      turns: result.num_turns ?? this.#usage.turns,
    };
    this.#resultFailures = failuresOf(result);
    this.#finished = this.#resultFailures.length === 0;
    this.#handedIn = this.#finished ? handedIn(result.structured_output, result.result) : null;
    return { usage: this.#usage, activity: { kind: 'working', cause: `ended: ${result.subtype}` } };
  }
}

function failuresOf(result: Result): readonly Failure[] {
  const failures: Failure[] = [];
  if (result.subtype !== 'success' || result.is_error) {
    const told = [
      result.result,
      ...result.errors.map((error) => (typeof error === 'string' ? error : JSON.stringify(error))),
    ];
    const detail = told.filter(Boolean).join('; ').slice(0, 2000);
    failures.push({
      reason: reasonOf(result),
      detail: detail === '' ? `the agent ended with ${result.subtype}` : detail,
    });
  }
  if (result.permission_denials.length > 0) {
    const names = result.permission_denials.map((denial) => z.looseObject({ tool_name: z.string() }).safeParse(denial));
    const tools = new Set(names.flatMap((name) => (name.success ? [name.data.tool_name] : [])));
    failures.push({ reason: 'tools_denied', detail: `tools were denied: ${[...tools].join(', ') || 'unnamed'}` });
  }
  return failures;
}

function reasonOf({ subtype, api_error_status: status }: Result): FailureReason {
  if (subtype === 'error_max_turns') return 'turn_limit';
  if (subtype === 'error_max_budget_usd') return 'budget_limit';
  // API errors call themselves success; only is_error tells.
  if (subtype !== 'success') return 'reported';
  if (status === 429) return 'rate_limited';
  return status != null && status >= 400 && status < 500 ? 'provider_refused' : 'provider_unavailable';
}
