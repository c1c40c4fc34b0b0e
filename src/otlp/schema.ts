// The messages of OTLP 1.11, field by field. One table serves the check at the door, the object decoder, the encoder and the JSON mapping.
// Source: github.com/open-telemetry/opentelemetry-proto, opentelemetry/proto/{common,resource,trace,metrics,logs,collector}/v1.
import { BYTES, FIXED32, FIXED64, VARINT } from './wire.ts'

/** How a field's value is written. `id16`, `id8`: bytes that are hex in JSON and have that length, or none at all. */
export type Scalar =
  | 'string'
  | 'bytes'
  | 'id16'
  | 'id8'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'enum'
  | 'int64'
  | 'uint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64'
  | 'double'

export const WIRE_TYPE: Record<Scalar, number> = {
  string: BYTES,
  bytes: BYTES,
  id16: BYTES,
  id8: BYTES,
  bool: VARINT,
  int32: VARINT,
  uint32: VARINT,
  sint32: VARINT,
  enum: VARINT,
  int64: VARINT,
  uint64: VARINT,
  fixed32: FIXED32,
  fixed64: FIXED64,
  sfixed64: FIXED64,
  double: FIXED64
}

export interface Field {
  readonly number: number
  readonly scalar?: Scalar
  readonly message?: MessageName
  readonly repeated: boolean
  /** Fields of one group exclude each other: the last on the wire wins. */
  readonly oneof?: string
  /** Presence counts: a zero that was written differs from no value at all. */
  readonly optional?: boolean
  /** The names JSON may use for the numbers of an enum. */
  readonly names?: readonly string[]
}

const one = (number: number, scalar: Scalar): Field => ({ number, scalar, repeated: false })
const optional = (number: number, scalar: Scalar): Field => ({ number, scalar, repeated: false, optional: true })
const many = (number: number, of: Scalar | MessageName): Field =>
  of in WIRE_TYPE ? { number, scalar: of as Scalar, repeated: true } : { number, message: of as MessageName, repeated: true }
const message = (number: number, of: MessageName): Field => ({ number, message: of, repeated: false })
const choice = (oneof: string, field: Field): Field => ({ ...field, oneof })
const named = (number: number, ...names: string[]): Field => ({ number, scalar: 'enum', repeated: false, names })

const TEMPORALITY = ['AGGREGATION_TEMPORALITY_UNSPECIFIED', 'AGGREGATION_TEMPORALITY_DELTA', 'AGGREGATION_TEMPORALITY_CUMULATIVE']
const SPAN_KIND = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER'
]
const STATUS_CODE = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']
const SEVERITY = [
  'UNSPECIFIED',
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((level) => [level, `${level}2`, `${level}3`, `${level}4`])
].map((name) => `SEVERITY_NUMBER_${name}`)

export type MessageName =
  | 'ExportTraceServiceRequest'
  | 'ExportMetricsServiceRequest'
  | 'ExportLogsServiceRequest'
  | 'ExportProfilesServiceRequest'
  | 'ResourceSpans'
  | 'ScopeSpans'
  | 'Span'
  | 'SpanEvent'
  | 'SpanLink'
  | 'Status'
  | 'ResourceMetrics'
  | 'ScopeMetrics'
  | 'Metric'
  | 'Gauge'
  | 'Sum'
  | 'Histogram'
  | 'ExponentialHistogram'
  | 'Summary'
  | 'NumberDataPoint'
  | 'HistogramDataPoint'
  | 'ExponentialHistogramDataPoint'
  | 'Buckets'
  | 'SummaryDataPoint'
  | 'QuantileValue'
  | 'Exemplar'
  | 'ResourceLogs'
  | 'ScopeLogs'
  | 'LogRecord'
  | 'ResourceProfiles'
  | 'ScopeProfiles'
  | 'Opaque'
  | 'Resource'
  | 'EntityRef'
  | 'Scope'
  | 'KeyValue'
  | 'AnyValue'
  | 'ArrayValue'
  | 'KeyValueList'

/** Every message, its fields under their JSON names. */
export const MESSAGES: Record<MessageName, Record<string, Field>> = {
  ExportTraceServiceRequest: { resourceSpans: many(1, 'ResourceSpans') },
  ExportMetricsServiceRequest: { resourceMetrics: many(1, 'ResourceMetrics') },
  ExportLogsServiceRequest: { resourceLogs: many(1, 'ResourceLogs') },
  ExportProfilesServiceRequest: { resourceProfiles: many(1, 'ResourceProfiles'), dictionary: message(2, 'Opaque') },

  ResourceSpans: { resource: message(1, 'Resource'), scopeSpans: many(2, 'ScopeSpans'), schemaUrl: one(3, 'string') },
  ScopeSpans: { scope: message(1, 'Scope'), spans: many(2, 'Span'), schemaUrl: one(3, 'string') },
  Span: {
    traceId: one(1, 'id16'),
    spanId: one(2, 'id8'),
    traceState: one(3, 'string'),
    parentSpanId: one(4, 'id8'),
    name: one(5, 'string'),
    kind: named(6, ...SPAN_KIND),
    startTimeUnixNano: one(7, 'fixed64'),
    endTimeUnixNano: one(8, 'fixed64'),
    attributes: many(9, 'KeyValue'),
    droppedAttributesCount: one(10, 'uint32'),
    events: many(11, 'SpanEvent'),
    droppedEventsCount: one(12, 'uint32'),
    links: many(13, 'SpanLink'),
    droppedLinksCount: one(14, 'uint32'),
    status: message(15, 'Status'),
    flags: one(16, 'fixed32')
  },
  SpanEvent: {
    timeUnixNano: one(1, 'fixed64'),
    name: one(2, 'string'),
    attributes: many(3, 'KeyValue'),
    droppedAttributesCount: one(4, 'uint32')
  },
  SpanLink: {
    traceId: one(1, 'id16'),
    spanId: one(2, 'id8'),
    traceState: one(3, 'string'),
    attributes: many(4, 'KeyValue'),
    droppedAttributesCount: one(5, 'uint32'),
    flags: one(6, 'fixed32')
  },
  Status: { message: one(2, 'string'), code: named(3, ...STATUS_CODE) },

  ResourceMetrics: { resource: message(1, 'Resource'), scopeMetrics: many(2, 'ScopeMetrics'), schemaUrl: one(3, 'string') },
  ScopeMetrics: { scope: message(1, 'Scope'), metrics: many(2, 'Metric'), schemaUrl: one(3, 'string') },
  Metric: {
    name: one(1, 'string'),
    description: one(2, 'string'),
    unit: one(3, 'string'),
    gauge: choice('data', message(5, 'Gauge')),
    sum: choice('data', message(7, 'Sum')),
    histogram: choice('data', message(9, 'Histogram')),
    exponentialHistogram: choice('data', message(10, 'ExponentialHistogram')),
    summary: choice('data', message(11, 'Summary')),
    metadata: many(12, 'KeyValue')
  },
  Gauge: { dataPoints: many(1, 'NumberDataPoint') },
  Sum: { dataPoints: many(1, 'NumberDataPoint'), aggregationTemporality: named(2, ...TEMPORALITY), isMonotonic: one(3, 'bool') },
  Histogram: { dataPoints: many(1, 'HistogramDataPoint'), aggregationTemporality: named(2, ...TEMPORALITY) },
  ExponentialHistogram: { dataPoints: many(1, 'ExponentialHistogramDataPoint'), aggregationTemporality: named(2, ...TEMPORALITY) },
  Summary: { dataPoints: many(1, 'SummaryDataPoint') },
  NumberDataPoint: {
    attributes: many(7, 'KeyValue'),
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    asDouble: choice('value', optional(4, 'double')),
    asInt: choice('value', optional(6, 'sfixed64')),
    exemplars: many(5, 'Exemplar'),
    flags: one(8, 'uint32')
  },
  HistogramDataPoint: {
    attributes: many(9, 'KeyValue'),
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    count: one(4, 'fixed64'),
    sum: optional(5, 'double'),
    bucketCounts: many(6, 'fixed64'),
    explicitBounds: many(7, 'double'),
    exemplars: many(8, 'Exemplar'),
    flags: one(10, 'uint32'),
    min: optional(11, 'double'),
    max: optional(12, 'double')
  },
  ExponentialHistogramDataPoint: {
    attributes: many(1, 'KeyValue'),
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    count: one(4, 'fixed64'),
    sum: optional(5, 'double'),
    scale: one(6, 'sint32'),
    zeroCount: one(7, 'fixed64'),
    positive: message(8, 'Buckets'),
    negative: message(9, 'Buckets'),
    flags: one(10, 'uint32'),
    exemplars: many(11, 'Exemplar'),
    min: optional(12, 'double'),
    max: optional(13, 'double'),
    zeroThreshold: one(14, 'double')
  },
  Buckets: { offset: one(1, 'sint32'), bucketCounts: many(2, 'uint64') },
  SummaryDataPoint: {
    attributes: many(7, 'KeyValue'),
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    count: one(4, 'fixed64'),
    sum: one(5, 'double'),
    quantileValues: many(6, 'QuantileValue'),
    flags: one(8, 'uint32')
  },
  QuantileValue: { quantile: one(1, 'double'), value: one(2, 'double') },
  Exemplar: {
    filteredAttributes: many(7, 'KeyValue'),
    timeUnixNano: one(2, 'fixed64'),
    asDouble: choice('value', optional(3, 'double')),
    asInt: choice('value', optional(6, 'sfixed64')),
    spanId: one(4, 'id8'),
    traceId: one(5, 'id16')
  },

  ResourceLogs: { resource: message(1, 'Resource'), scopeLogs: many(2, 'ScopeLogs'), schemaUrl: one(3, 'string') },
  ScopeLogs: { scope: message(1, 'Scope'), logRecords: many(2, 'LogRecord'), schemaUrl: one(3, 'string') },
  LogRecord: {
    timeUnixNano: one(1, 'fixed64'),
    observedTimeUnixNano: one(11, 'fixed64'),
    severityNumber: named(2, ...SEVERITY),
    severityText: one(3, 'string'),
    body: message(5, 'AnyValue'),
    attributes: many(6, 'KeyValue'),
    droppedAttributesCount: one(7, 'uint32'),
    flags: one(8, 'fixed32'),
    traceId: one(9, 'id16'),
    spanId: one(10, 'id8'),
    eventName: one(12, 'string')
  },

  // Profiles are in development: their framing is checked down to the fields of the profile, what is inside those passes as it came.
  ResourceProfiles: { resource: message(1, 'Resource'), scopeProfiles: many(2, 'ScopeProfiles'), schemaUrl: one(3, 'string') },
  ScopeProfiles: { scope: message(1, 'Scope'), profiles: many(2, 'Opaque'), schemaUrl: one(3, 'string') },
  Opaque: {},

  Resource: { attributes: many(1, 'KeyValue'), droppedAttributesCount: one(2, 'uint32'), entityRefs: many(3, 'EntityRef') },
  EntityRef: { schemaUrl: one(1, 'string'), type: one(2, 'string'), idKeys: many(3, 'string'), descriptionKeys: many(4, 'string') },
  Scope: { name: one(1, 'string'), version: one(2, 'string'), attributes: many(3, 'KeyValue'), droppedAttributesCount: one(4, 'uint32') },
  KeyValue: { key: one(1, 'string'), value: message(2, 'AnyValue') },
  AnyValue: {
    stringValue: choice('value', optional(1, 'string')),
    boolValue: choice('value', optional(2, 'bool')),
    intValue: choice('value', optional(3, 'int64')),
    doubleValue: choice('value', optional(4, 'double')),
    arrayValue: choice('value', message(5, 'ArrayValue')),
    kvlistValue: choice('value', message(6, 'KeyValueList')),
    bytesValue: choice('value', optional(7, 'bytes'))
  },
  ArrayValue: { values: many(1, 'AnyValue') },
  KeyValueList: { values: many(1, 'KeyValue') }
}
