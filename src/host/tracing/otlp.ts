import { type Attributes, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { resolvesWithin } from '../../shared/async/timeout.js'

/** What is held at a stop gets so long to leave, in ms. */
const FLUSH_MS = 1000

export type TracingOptions = {
  /** Base of an OTLP/HTTP receiver, as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
  endpoint: string
  /** `service.name`. */
  service: string
  version: string
  /** Called when exporting begins to fail, and with nothing when it works again. */
  onTrouble: (cause: string | undefined) => void
}

/** A part of a trace, from its beginning to its end. */
export type OpenSpan = {
  /** The W3C header by which others add to it. */
  readonly traceparent: string
  note(event: string, attributes?: Attributes): void
  /** `failure` marks it as failed. */
  end(attributes?: Attributes, failure?: string): void
}

/** Takes spans and sends them off in batches; what its bounded queue cannot hold is dropped. */
export type Tracing = {
  /** A span under the one that `parent` names, or the first of a new trace. */
  begin(
    name: string,
    kind: 'server' | 'consumer' | 'internal',
    attributes: Attributes,
    parent?: string,
  ): OpenSpan
  close(): Promise<void>
}

/** Loaded only where an endpoint is set: no other process pays for it. */
export function openTracing({ endpoint, service, version, onTrouble }: TracingOptions): Tracing {
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`
  const exporter = telling(new OTLPTraceExporter({ url }), onTrouble)
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1000 })],
  })
  const tracer = provider.getTracer('ogent', version)
  return {
    begin(name, kind, attributes, parent) {
      const context = parent === undefined ? null : parseTraceParent(parent)
      const under = context
        ? trace.setSpanContext(ROOT_CONTEXT, { ...context, isRemote: true })
        : ROOT_CONTEXT
      const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, under)
      const { traceId, spanId, traceFlags } = span.spanContext()
      return {
        traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
        note: (event, more) => void span.addEvent(event, more),
        end(more, failure) {
          if (more) span.setAttributes(more)
          if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
          span.end()
        },
      }
    },
    async close() {
      // A receiver that is away must not hold up the stop.
      await resolvesWithin(
        provider.shutdown().catch(() => {}),
        FLUSH_MS,
        { unref: true },
      )
    },
  }
}

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL }

/** The exporter, with a call of `onTrouble` when it begins to fail and when it works again. */
function telling(exporter: SpanExporter, onTrouble: TracingOptions['onTrouble']): SpanExporter {
  let failing = false
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error && !failing) onTrouble(result.error.message)
        if (!result.error && failing) onTrouble(undefined)
        failing = result.error !== undefined
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  }
}
