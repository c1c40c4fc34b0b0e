type Attributes = Readonly<Record<string, string | number>>

/** Says of a piece of the gateway's own work that it was done, how long it took and whether it failed. */
export interface Tracer {
  trace<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** Traces nothing, and costs nothing. */
export const NO_TRACER: Tracer = { trace: (_name, _attributes, work) => work(), stop: async () => undefined }

export interface TracerOptions {
  /** Where the spans go: an OTLP/HTTP traces URL. */
  readonly endpoint: string
  /** The share of the gateway's own traces to keep, from 0 to 1. */
  readonly ratio: number
  readonly version: string
}

/**
 * Sends the gateway's own traces through the OpenTelemetry SDK, which is loaded only now: it is larger than the gateway. No instrumentation is
 * switched on, so the SDK's own requests make no spans.
 */
export async function openTracer({ endpoint, ratio, version }: TracerOptions): Promise<Tracer> {
  const [{ NodeSDK, resources, tracing }, { OTLPTraceExporter }, { SpanStatusCode, trace }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/api')
  ])
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
