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

/** Sends the gateway's own traces through the OpenTelemetry SDK, which is loaded only now: it is larger than the gateway. */
export async function openTracer(options: TracerOptions): Promise<Tracer> {
  const { startSdkTracer } = await import('./sdk-tracer.ts')
  return startSdkTracer(options)
}
