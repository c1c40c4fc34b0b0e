// The messages of OTLP as objects: what `decode` makes and `encode` takes. Fields that were not there are not there. Ids are lowercase hex,
// 64-bit integers are bigints, enums are numbers.
import type { MessageName } from './schema.ts'

export interface AnyValue {
  stringValue?: string
  boolValue?: boolean
  intValue?: bigint
  doubleValue?: number
  arrayValue?: { values?: AnyValue[] }
  kvlistValue?: { values?: KeyValue[] }
  bytesValue?: Uint8Array
}
export interface KeyValue {
  key?: string
  value?: AnyValue
}
export interface EntityRef {
  schemaUrl?: string
  type?: string
  idKeys?: string[]
  descriptionKeys?: string[]
}
export interface Resource {
  attributes?: KeyValue[]
  droppedAttributesCount?: number
  entityRefs?: EntityRef[]
}
export interface Scope {
  name?: string
  version?: string
  attributes?: KeyValue[]
  droppedAttributesCount?: number
}

export interface SpanEvent {
  timeUnixNano?: bigint
  name?: string
  attributes?: KeyValue[]
  droppedAttributesCount?: number
}
export interface SpanLink {
  traceId?: string
  spanId?: string
  traceState?: string
  attributes?: KeyValue[]
  droppedAttributesCount?: number
  flags?: number
}
export interface Status {
  message?: string
  code?: number
}
export interface Span {
  traceId?: string
  spanId?: string
  traceState?: string
  parentSpanId?: string
  name?: string
  kind?: number
  startTimeUnixNano?: bigint
  endTimeUnixNano?: bigint
  attributes?: KeyValue[]
  droppedAttributesCount?: number
  events?: SpanEvent[]
  droppedEventsCount?: number
  links?: SpanLink[]
  droppedLinksCount?: number
  status?: Status
  flags?: number
}
export interface ScopeSpans {
  scope?: Scope
  spans?: Span[]
  schemaUrl?: string
}
export interface ResourceSpans {
  resource?: Resource
  scopeSpans?: ScopeSpans[]
  schemaUrl?: string
}

export interface Exemplar {
  filteredAttributes?: KeyValue[]
  timeUnixNano?: bigint
  asDouble?: number
  asInt?: bigint
  spanId?: string
  traceId?: string
}
interface DataPoint {
  attributes?: KeyValue[]
  startTimeUnixNano?: bigint
  timeUnixNano?: bigint
  flags?: number
}
export interface NumberDataPoint extends DataPoint {
  asDouble?: number
  asInt?: bigint
  exemplars?: Exemplar[]
}
interface DistributionDataPoint extends DataPoint {
  count?: bigint
  sum?: number
  min?: number
  max?: number
  exemplars?: Exemplar[]
}
export interface HistogramDataPoint extends DistributionDataPoint {
  bucketCounts?: bigint[]
  explicitBounds?: number[]
}
export interface Buckets {
  offset?: number
  bucketCounts?: bigint[]
}
export interface ExponentialHistogramDataPoint extends DistributionDataPoint {
  scale?: number
  zeroCount?: bigint
  positive?: Buckets
  negative?: Buckets
  zeroThreshold?: number
}
export interface QuantileValue {
  quantile?: number
  value?: number
}
export interface SummaryDataPoint extends DataPoint {
  count?: bigint
  sum?: number
  quantileValues?: QuantileValue[]
}
export interface Gauge {
  dataPoints?: NumberDataPoint[]
}
export interface Sum {
  dataPoints?: NumberDataPoint[]
  aggregationTemporality?: number
  isMonotonic?: boolean
}
export interface Histogram {
  dataPoints?: HistogramDataPoint[]
  aggregationTemporality?: number
}
export interface ExponentialHistogram {
  dataPoints?: ExponentialHistogramDataPoint[]
  aggregationTemporality?: number
}
export interface Summary {
  dataPoints?: SummaryDataPoint[]
}
export interface Metric {
  name?: string
  description?: string
  unit?: string
  gauge?: Gauge
  sum?: Sum
  histogram?: Histogram
  exponentialHistogram?: ExponentialHistogram
  summary?: Summary
  metadata?: KeyValue[]
}
export interface ScopeMetrics {
  scope?: Scope
  metrics?: Metric[]
  schemaUrl?: string
}
export interface ResourceMetrics {
  resource?: Resource
  scopeMetrics?: ScopeMetrics[]
  schemaUrl?: string
}

export interface LogRecord {
  timeUnixNano?: bigint
  observedTimeUnixNano?: bigint
  severityNumber?: number
  severityText?: string
  body?: AnyValue
  attributes?: KeyValue[]
  droppedAttributesCount?: number
  flags?: number
  traceId?: string
  spanId?: string
  eventName?: string
}
export interface ScopeLogs {
  scope?: Scope
  logRecords?: LogRecord[]
  schemaUrl?: string
}
export interface ResourceLogs {
  resource?: Resource
  scopeLogs?: ScopeLogs[]
  schemaUrl?: string
}

/** Profiles pass as they came: bytes. */
export type Opaque = Uint8Array
export interface ScopeProfiles {
  scope?: Scope
  profiles?: Opaque[]
  schemaUrl?: string
}
export interface ResourceProfiles {
  resource?: Resource
  scopeProfiles?: ScopeProfiles[]
  schemaUrl?: string
}

/** The object of each message. */
export interface Objects extends Record<MessageName, unknown> {
  ExportTraceServiceRequest: { resourceSpans?: ResourceSpans[] }
  ExportMetricsServiceRequest: { resourceMetrics?: ResourceMetrics[] }
  ExportLogsServiceRequest: { resourceLogs?: ResourceLogs[] }
  ExportProfilesServiceRequest: { resourceProfiles?: ResourceProfiles[]; dictionary?: Opaque }
  ResourceSpans: ResourceSpans
  ScopeSpans: ScopeSpans
  Span: Span
  SpanEvent: SpanEvent
  SpanLink: SpanLink
  Status: Status
  ResourceMetrics: ResourceMetrics
  ScopeMetrics: ScopeMetrics
  Metric: Metric
  Gauge: Gauge
  Sum: Sum
  Histogram: Histogram
  ExponentialHistogram: ExponentialHistogram
  Summary: Summary
  NumberDataPoint: NumberDataPoint
  HistogramDataPoint: HistogramDataPoint
  ExponentialHistogramDataPoint: ExponentialHistogramDataPoint
  Buckets: Buckets
  SummaryDataPoint: SummaryDataPoint
  QuantileValue: QuantileValue
  Exemplar: Exemplar
  ResourceLogs: ResourceLogs
  ScopeLogs: ScopeLogs
  LogRecord: LogRecord
  ResourceProfiles: ResourceProfiles
  ScopeProfiles: ScopeProfiles
  Opaque: Opaque
  Resource: Resource
  EntityRef: EntityRef
  Scope: Scope
  KeyValue: KeyValue
  AnyValue: AnyValue
  ArrayValue: { values?: AnyValue[] }
  KeyValueList: { values?: KeyValue[] }
}

/** What `encode` takes for it: 64-bit integers may be numbers too, and a field may be undefined. */
export type Draft<T> = T extends bigint
  ? bigint | number
  : T extends Uint8Array
    ? Uint8Array
    : T extends (infer Element)[]
      ? readonly Draft<Element>[]
      : T extends object
        ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
        : T
