// A file of its own, so that a bundle, too, finds the names that these packages export the way of CommonJS.
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { NodeSDK, resources, tracing } from '@opentelemetry/sdk-node'
import type { Tracer, TracerOptions } from './tracer.ts'

/** Traces through the OpenTelemetry SDK. No instrumentation is switched on, so the SDK's own requests make no spans. */
export function startSdkTracer({ endpoint, ratio, version }: TracerOptions): Tracer {
  const sdk = new NodeSDK({
    resource: resources.resourceFromAttributes({ 'service.name': 'sluice', 'service.version': version }),
    sampler: new tracing.ParentBasedSampler({ root: new tracing.TraceIdRatioBasedSampler(ratio) }),
    traceExporter: new OTLPTraceExporter({ url: endpoint }),
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    resourceDetectors: []
  })
  sdk.start()
  const tracer = trace.getTracer('sluice', version)
  return {
    trace: (name, attributes, work) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          return await work()
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR })
          span.setAttribute('error.type', error instanceof Error ? error.name : typeof error)
          throw error
        } finally {
          span.end()
        }
      }),
    stop: () => sdk.shutdown()
  }
}
