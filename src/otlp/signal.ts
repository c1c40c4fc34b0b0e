import type { MessageName } from './schema.ts'

/** The four kinds of telemetry that OTLP carries. */
export type OtlpSignal = 'traces' | 'metrics' | 'logs' | 'profiles'

/**
 * How a request of a signal is built. All four share their outer numbers: request { resource entry = 1 }, resource entry { resource = 1,
 * scope entry = 2, schema_url = 3 }, scope entry { scope = 1, record = 2, schema_url = 3 }.
 */
export interface Shape {
  readonly request: MessageName
  readonly record: MessageName
  /** What one record is called in messages for people. */
  readonly recordName: string
  /** Requests of one signal can be joined by laying their bytes end to end. Profiles cannot: they share one dictionary. */
  readonly concatenates: boolean
}

export const SHAPES: Record<OtlpSignal, Shape> = {
  traces: { request: 'ExportTraceServiceRequest', record: 'Span', recordName: 'span', concatenates: true },
  metrics: { request: 'ExportMetricsServiceRequest', record: 'Metric', recordName: 'metric', concatenates: true },
  logs: { request: 'ExportLogsServiceRequest', record: 'LogRecord', recordName: 'log record', concatenates: true },
  profiles: { request: 'ExportProfilesServiceRequest', record: 'Opaque', recordName: 'profile', concatenates: false }
}

export const SIGNALS = Object.keys(SHAPES) as OtlpSignal[]
