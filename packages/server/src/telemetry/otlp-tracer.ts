import type { Attributes, Context, Span, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import { currentCall, inCall } from './call-context.ts';
import type { Logger } from './logger.ts';
import { childOf, namedChildOf, randomHex, SPAN_ID_BYTES, TRACE_ID_BYTES, type TraceContext } from './trace-context.ts';
import {
  failureOf,
  type FinishedSpan,
  type GenAiConventions,
  type SpanAttributes,
  type SpanCounts,
  type SpanDescription,
  type Tracer,
} from './tracer.ts';

/** Where spans go, and which. */
export interface OtlpOptions {
  /** Base URL of an OTLP/HTTP collector; spans are posted to `/v1/traces` below it. */
  readonly endpoint: string;
  /** Header fields to send along: credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** Share of the traces begun here that is recorded, 0 to 1. Whoever begins one elsewhere decides for it. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  /** Further attributes of the resource that spans are of. */
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly version: string;
  readonly genAi: GenAiConventions;
  readonly logger: Logger;
}

/** Spans that wait for the collector; more are dropped. */
const MAX_WAITING_SPANS = 8192;
const MAX_BATCH_SPANS = 512;
/** How long a span waits for others to go with. */
const BATCH_MS = 1000;
/** How long the collector may take for a batch, trying again included. */
const EXPORT_TIMEOUT_MS = 5000;
/** How long closing waits for the collector to take what is left. */
const CLOSE_MS = 2000;

type OpenTelemetry = Awaited<ReturnType<typeof loadPackages>>;

/**
 * Opens the export of traces over OTLP/HTTP. The packages are loaded here and nowhere else, so that a sidecar without
 * traces does not have them in memory.
 * @throws when the packages are not installed; they are optional.
 */
export async function openOtlpTracer(options: OtlpOptions): Promise<OtlpTracer> {
  return new OtlpTracer(await loadPackages(), options);
}

async function loadPackages() {
  const [api, sdk, resources, exporter] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  return { api, sdk, resources, exporter };
}

/** Records spans and sends them, in batches, to a collector. Which place a span has is decided here, before it is made. */
export class OtlpTracer implements Tracer {
  readonly isOn = true;
  readonly genAi: GenAiConventions;
  readonly #api: OpenTelemetry['api'];
  readonly #tracer;
  readonly #provider;
  readonly #outlet: Outlet;
  readonly #sampleRatio: number;
  /** Place of the span that is made next: the SDK asks for its ids. */
  #next: TraceContext | undefined;

  constructor({ api, sdk, resources, exporter }: OpenTelemetry, options: OtlpOptions) {
    const { endpoint, headers, serviceName, resourceAttributes, version } = options;
    this.#api = api;
    this.genAi = options.genAi;
    this.#sampleRatio = options.sampleRatio;
    const sender = new exporter.OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      headers: { ...headers },
      timeoutMillis: EXPORT_TIMEOUT_MS,
    });
    this.#outlet = new Outlet(sender, { collector: new URL(endpoint).origin, logger: options.logger });
    const batches = new sdk.BatchSpanProcessor({
      exporter: this.#outlet,
      maxQueueSize: MAX_WAITING_SPANS,
      maxExportBatchSize: MAX_BATCH_SPANS,
      scheduledDelayMillis: BATCH_MS,
      exportTimeoutMillis: 2 * EXPORT_TIMEOUT_MS,
    });
    this.#provider = new sdk.TracerProvider({
      resource: resources.resourceFromAttributes({
        ...resourceAttributes,
        'service.name': serviceName,
        'service.version': version,
      }),
      sampler: new sdk.AlwaysOnSampler(),
      idGenerator: {
        generateTraceId: () => this.#next?.traceId ?? randomHex(TRACE_ID_BYTES),
        generateSpanId: () => this.#next?.spanId ?? randomHex(SPAN_ID_BYTES),
      },
      spanProcessors: [this.#outlet.guard(batches)],
    });
    this.#tracer = this.#provider.getTracer('orchestration-sidecar', version);
  }

  place(parent: TraceContext | undefined): TraceContext {
    if (parent) return childOf(parent);
    const traceId = randomHex(TRACE_ID_BYTES);
    // By the id, so that every sidecar with this share chooses the same traces.
    const sampled = Number.parseInt(traceId.slice(-8), 16) < this.#sampleRatio * 0x1_0000_0000;
    return { traceId, spanId: randomHex(SPAN_ID_BYTES), sampled };
  }

  namedPlace(parent: TraceContext, key: string): TraceContext {
    return namedChildOf(parent, key);
  }

  async within<T>(
    description: SpanDescription,
    work: (note: (attributes: SpanAttributes) => void) => Promise<T>,
  ): Promise<T> {
    const call = currentCall();
    const place = this.place(call?.trace);
    const span = place.sampled ? this.#start(description, place, call?.trace) : undefined;
    try {
      return await inCall({ ...call, trace: place }, () =>
        work((attributes) => void span?.setAttributes(defined(attributes))),
      );
    } catch (cause) {
      const { code, isFault } = failureOf(cause);
      if (span) this.#fail(span, code, isFault || description.kind !== 'server');
      throw cause;
    } finally {
      span?.end();
    }
  }

  record({ startMs, endMs, parent, links, error, place = this.place(parent), ...description }: FinishedSpan): void {
    if (!place.sampled) return;
    const span = this.#start(description, place, parent, { startMs, links });
    if (error !== undefined) this.#fail(span, error, true);
    span.end(endMs);
  }

  counts(): SpanCounts {
    return this.#outlet.counts;
  }

  /** Sends what is left, for at most two seconds: a collector that is not there must not keep the sidecar from ending. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), deadline]);
    clearTimeout(timer);
  }

  #start(
    { name, kind, attributes = {} }: SpanDescription,
    place: TraceContext,
    parent: TraceContext | undefined,
    { startMs, links = [] }: { startMs?: number; links?: readonly TraceContext[] | undefined } = {},
  ): Span {
    const { SpanKind } = this.#api;
    this.#next = place;
    try {
      return this.#tracer.startSpan(
        name,
        {
          kind: kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
          attributes: defined(attributes),
          links: links.map((link) => ({ context: this.#contextOf(link) })),
          ...(startMs !== undefined && { startTime: startMs }),
        },
        this.#below(parent),
      );
    } finally {
      this.#next = undefined;
    }
  }

  #below(parent: TraceContext | undefined): Context {
    const { ROOT_CONTEXT, trace } = this.#api;
    return parent ? trace.setSpanContext(ROOT_CONTEXT, this.#contextOf(parent)) : ROOT_CONTEXT;
  }

  #contextOf({ traceId, spanId, sampled, tracestate }: TraceContext): SpanContext {
    const { createTraceState, TraceFlags } = this.#api;
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return {
      traceId,
      spanId,
      traceFlags,
      ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
    };
  }

  #fail(span: Span, code: string, isFault: boolean): void {
    span.setAttribute('error.type', code);
    if (isFault) span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: code });
  }
}

/** Where spans leave: counts them, keeps those that wait within bounds, and says once when the collector refuses. */
class Outlet implements SpanExporter {
  readonly #sender: SpanExporter;
  readonly #collector: string;
  readonly #logger: Logger;
  #waiting = 0;
  #exported = 0;
  #failed = 0;
  #dropped = 0;
  #isRefused = false;

  constructor(sender: SpanExporter, { collector, logger }: { readonly collector: string; readonly logger: Logger }) {
    this.#sender = sender;
    this.#collector = collector;
    this.#logger = logger;
  }

  get counts(): SpanCounts {
    return { exported: this.#exported, failed: this.#failed, dropped: this.#dropped };
  }

  /** Lets no more spans through to a processor than may wait. */
  guard(processor: SpanProcessor): SpanProcessor {
    return {
      onStart: () => {},
      onEnd: (span) => {
        if (this.#waiting >= MAX_WAITING_SPANS) {
          this.#dropped += 1;
        } else {
          this.#waiting += 1;
          processor.onEnd(span);
        }
      },
      forceFlush: () => processor.forceFlush(),
      shutdown: () => processor.shutdown(),
    };
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.#sender.export(spans, (result) => {
      this.#waiting -= spans.length;
      // `ExportResultCode.SUCCESS` of OpenTelemetry’s core, which is no dependency of ours, is 0.
      const isRefused = Boolean(result.code);
      if (isRefused) this.#failed += spans.length;
      else this.#exported += spans.length;
      if (isRefused !== this.#isRefused) this.#say(isRefused, result.error);
      this.#isRefused = isRefused;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#sender.shutdown();
  }

  /** The message of the error may hold what the collector answered, and header fields: only its code is told. */
  #say(isRefused: boolean, cause: Error | undefined): void {
    const fields = { collector: this.#collector };
    if (!isRefused) return this.#logger.info(fields, 'the collector takes spans again');
    const code = cause && 'code' in cause ? cause.code : undefined;
    this.#logger.warn({ ...fields, code }, 'the collector takes no spans; they are lost, and all else goes on');
  }
}

function defined(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
