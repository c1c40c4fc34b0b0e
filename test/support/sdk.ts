import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider, type Sampler, type SpanExporter } from '@opentelemetry/sdk-trace-node'

export type Protocol = 'http/protobuf' | 'http/json' | 'grpc'

/** The SDK's own exporter for a protocol, told nothing but where to send. */
export function exporterFor(protocol: Protocol, http: string, grpc: string): SpanExporter {
  if (protocol === 'grpc') return new GrpcExporter({ url: `http://${grpc}` })
  return protocol === 'http/json' ? new JsonExporter({ url: `${http}/v1/traces` }) : new ProtobufExporter({ url: `${http}/v1/traces` })
}

export interface Workload {
  readonly spans: number
  /** Every so many spans one has failed. */
  readonly errorEvery: number
  readonly service?: string
  readonly sampler?: Sampler
}

/** Sends as many spans as asked for, each a trace of its own, through an unmodified SDK. Resolves with the ids when all have been acknowledged. */
export async function sendSpans(exporter: SpanExporter, { spans, errorEvery, service = 'dubbing-worker', sampler }: Workload) {
  const results: Error[] = []
  const watched: SpanExporter = {
    export: (batch, done) =>
      exporter.export(batch, (result) => {
        if (result.error !== undefined) results.push(result.error)
        done(result)
      }),
    shutdown: () => exporter.shutdown()
  }
  const processor = new BatchSpanProcessor(watched, { maxQueueSize: 20_000, maxExportBatchSize: 512, scheduledDelayMillis: 60_000 })
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [processor],
    ...(sampler === undefined ? {} : { sampler })
  })
  const tracer = provider.getTracer('scenario')
  const ids = { all: new Set<string>(), errors: new Set<string>() }
  for (let i = 0; i < spans; i++) {
    const attributes = {
      'http.request.method': 'GET',
      'http.route': '/projects/:id',
      'http.response.status_code': 200,
      'job.stage': 'lip-sync'
    }
    const span = tracer.startSpan('GET /projects/:id', { kind: SpanKind.SERVER, root: true, attributes })
    const failed = i % errorEvery === 0
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR, message: 'model ran out of memory' })
    span.end()
    const { spanId } = span.spanContext()
    if (span.isRecording() || span.spanContext().traceFlags === 1) ids.all.add(spanId)
    if (failed) ids.errors.add(spanId)
    if (i % 5_000 === 4_999) await processor.forceFlush()
  }
  await processor.forceFlush()
  await provider.shutdown()
  if (results.length > 0) throw results[0]
  return ids
}
