// What counts spans before sampling and what sends the counts agree on here.
//
// A batch of the signal `stats` is a metrics request: each metric has one point, a row of statistics. It is an exponential histogram of durations in
// nanoseconds, but for what its buckets are: bucket i holds durations from GAMMA^i to GAMMA^(i+1), as the bins of the Agent's own sketches with an
// accuracy of 1 %, so that these go into those without loss. (Datadog's libraries for JavaScript and Python number the same bins from their upper end.)

export const STATISTICS_NAME = 'traces.span.sdk.metrics.duration'

/** Statistics are kept for so long at a time, by when spans ended. */
export const PERIOD_NANO = 10_000_000_000

const ACCURACY = 0.01
const MANTISSA = (2 * ACCURACY) / (1 - ACCURACY)
export const GAMMA = 1 + MANTISSA
const BINS_PER_DOUBLING = Math.LN2 / Math.log1p(MANTISSA)

/** The bin of a duration of a nanosecond or more. */
export function binOf(nanos: number): number {
  return Math.floor(Math.log2(nanos) * BINS_PER_DOUBLING)
}

/** The duration that stands for all in a bin, in nanoseconds. */
export function durationOf(bin: number): number {
  return 2 ** (bin / BINS_PER_DOUBLING) * ((2 * GAMMA) / (1 + GAMMA))
}

/** The attributes of a row, in the names that Datadog's tracers use for statistics in OTLP. */
export const ROW = {
  service: 'service.name',
  operation: 'datadog.operation.name',
  resource: 'span.name',
  type: 'datadog.span.type',
  kind: 'span.kind',
  status: 'status.code',
  topLevel: 'datadog.span.top_level',
  traceRoot: 'datadog.is_trace_root',
  httpStatus: 'http.response.status_code',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  rpcStatus: 'rpc.response.status_code',
  origin: 'datadog.origin'
} as const

export const STATUS_OK = 'STATUS_CODE_OK'
export const STATUS_ERROR = 'STATUS_CODE_ERROR'

/** What spans have no name for any more, because there were too many. */
export const BLOCKED = 'tracer_blocked_value'

/** By number. */
export const KINDS = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER'
] as const

/** Attributes of a resource that say whose statistics they are. */
export const RESOURCE_SOURCES = [
  'deployment.environment.name',
  'deployment.environment',
  'tags.datadoghq.com/env',
  'service.version',
  'tags.datadoghq.com/version',
  'telemetry.sdk.language',
  'host',
  'datadog.host.name',
  'cloud.provider',
  'k8s.node.name',
  'k8s.cluster.name',
  'host.id',
  'host.name'
] as const

/** Of a span's attributes, those that only statistics look at. */
export const SPAN_SOURCES = [
  'http.response.status_code',
  'http.status_code',
  'rpc.response.status_code',
  'rpc.grpc.status_code',
  '_dd.top_level',
  '_dd.measured',
  '_dd.origin'
] as const
