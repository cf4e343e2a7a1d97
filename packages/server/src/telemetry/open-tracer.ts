import type { Config } from '../runtime/config.ts';
import type { Scope } from '../runtime/scope.ts';
import { VERSION } from '../runtime/version.ts';
import type { Logger } from './logger.ts';
import { noTracer, type Tracer } from './tracer.ts';

/** Settings of traces. */
type TraceConfig = Pick<
  Config,
  'otlpEndpoint' | 'otlpHeaders' | 'traceSampleRatio' | 'serviceName' | 'resourceAttributes' | 'semconvStabilityOptIn'
>;

/** Value of `semconvStabilityOptIn` that asks for the newest GenAI conventions (OpenTelemetry, “Generative AI”). */
const LATEST_GEN_AI = 'gen_ai_latest_experimental';

/**
 * Opens the export of traces where one is configured. Its packages are optional: without them there are no traces, and
 * a line of the log says so.
 * @param scope sends what is left when it closes.
 */
export async function openTracer(config: TraceConfig, logger: Logger, scope: Scope): Promise<Tracer> {
  const { otlpEndpoint: endpoint, serviceName, traceSampleRatio: sampleRatio } = config;
  if (endpoint === null) return noTracer;
  try {
    const { openOtlpTracer } = await import('./otlp-tracer.ts');
    const tracer = await openOtlpTracer({
      endpoint,
      headers: readPairs(config.otlpHeaders),
      sampleRatio,
      serviceName,
      resourceAttributes: readPairs(config.resourceAttributes),
      version: VERSION,
      genAi: config.semconvStabilityOptIn.includes(LATEST_GEN_AI) ? 'latest_experimental' : '1.36',
      logger,
    });
    return scope.own('traces', tracer, (it) => it.close());
  } catch (cause) {
    logger.error({ err: cause }, 'traces are configured and cannot be sent');
    return noTracer;
  }
}

/**
 * Reads `api-key=1234,tenant=a%20b`: names and values, percent-encoded (OpenTelemetry, “Specifying headers” and
 * “Specifying resource information via an environment variable”).
 */
function readPairs(text: string | null): Record<string, string> {
  const fields = (text ?? '').split(',').map((field) => field.trim());
  return Object.fromEntries(
    fields.flatMap((field) => {
      const at = field.indexOf('=');
      return at < 1 ? [] : [[field.slice(0, at).trim(), decoded(field.slice(at + 1).trim())]];
    }),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
