import protobuf from 'protobufjs'

// OTLP 1.11 for a full protobuf decoder, the judge of our own. Written from the protocol's description and not from src/otlp/schema.ts, so that a
// wrong number there cannot hide. Names are the JSON names.
const SOURCE = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resourceSpans = 1; }
message ExportMetricsServiceRequest { repeated ResourceMetrics resourceMetrics = 1; }
message ExportLogsServiceRequest { repeated ResourceLogs resourceLogs = 1; }
message ExportProfilesServiceRequest { repeated ResourceProfiles resourceProfiles = 1; Opaque dictionary = 2; }

message AnyValue {
  oneof value {
    string stringValue = 1;
    bool boolValue = 2;
    int64 intValue = 3;
    double doubleValue = 4;
    ArrayValue arrayValue = 5;
    KeyValueList kvlistValue = 6;
    bytes bytesValue = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
message Resource { repeated KeyValue attributes = 1; uint32 droppedAttributesCount = 2; repeated EntityRef entityRefs = 3; }
message EntityRef { string schemaUrl = 1; string type = 2; repeated string idKeys = 3; repeated string descriptionKeys = 4; }

message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; string schemaUrl = 3; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schemaUrl = 3; }
enum SpanKind {
  SPAN_KIND_UNSPECIFIED = 0;
  SPAN_KIND_INTERNAL = 1;
  SPAN_KIND_SERVER = 2;
  SPAN_KIND_CLIENT = 3;
  SPAN_KIND_PRODUCER = 4;
  SPAN_KIND_CONSUMER = 5;
}
enum StatusCode { STATUS_CODE_UNSET = 0; STATUS_CODE_OK = 1; STATUS_CODE_ERROR = 2; }
message Span {
  bytes traceId = 1;
  bytes spanId = 2;
  string traceState = 3;
  bytes parentSpanId = 4;
  string name = 5;
  SpanKind kind = 6;
  fixed64 startTimeUnixNano = 7;
  fixed64 endTimeUnixNano = 8;
  repeated KeyValue attributes = 9;
  uint32 droppedAttributesCount = 10;
  repeated Event events = 11;
  uint32 droppedEventsCount = 12;
  repeated Link links = 13;
  uint32 droppedLinksCount = 14;
  Status status = 15;
  fixed32 flags = 16;
}
message Event { fixed64 timeUnixNano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
message Link {
  bytes traceId = 1;
  bytes spanId = 2;
  string traceState = 3;
  repeated KeyValue attributes = 4;
  uint32 droppedAttributesCount = 5;
  fixed32 flags = 6;
}
message Status { string message = 2; StatusCode code = 3; }

message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scopeMetrics = 2; string schemaUrl = 3; }
message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; string schemaUrl = 3; }
message Metric {
  string name = 1;
  string description = 2;
  string unit = 3;
  oneof data {
    Gauge gauge = 5;
    Sum sum = 7;
    Histogram histogram = 9;
    ExponentialHistogram exponentialHistogram = 10;
    Summary summary = 11;
  }
  repeated KeyValue metadata = 12;
}
enum AggregationTemporality {
  AGGREGATION_TEMPORALITY_UNSPECIFIED = 0;
  AGGREGATION_TEMPORALITY_DELTA = 1;
  AGGREGATION_TEMPORALITY_CUMULATIVE = 2;
}
message Gauge { repeated NumberDataPoint dataPoints = 1; }
message Sum { repeated NumberDataPoint dataPoints = 1; AggregationTemporality aggregationTemporality = 2; bool isMonotonic = 3; }
message Histogram { repeated HistogramDataPoint dataPoints = 1; AggregationTemporality aggregationTemporality = 2; }
message ExponentialHistogram { repeated ExponentialHistogramDataPoint dataPoints = 1; AggregationTemporality aggregationTemporality = 2; }
message Summary { repeated SummaryDataPoint dataPoints = 1; }
message NumberDataPoint {
  fixed64 startTimeUnixNano = 2;
  fixed64 timeUnixNano = 3;
  oneof value { double asDouble = 4; sfixed64 asInt = 6; }
  repeated Exemplar exemplars = 5;
  repeated KeyValue attributes = 7;
  uint32 flags = 8;
}
message HistogramDataPoint {
  fixed64 startTimeUnixNano = 2;
  fixed64 timeUnixNano = 3;
  fixed64 count = 4;
  optional double sum = 5;
  repeated fixed64 bucketCounts = 6;
  repeated double explicitBounds = 7;
  repeated Exemplar exemplars = 8;
  repeated KeyValue attributes = 9;
  uint32 flags = 10;
  optional double min = 11;
  optional double max = 12;
}
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1;
  fixed64 startTimeUnixNano = 2;
  fixed64 timeUnixNano = 3;
  fixed64 count = 4;
  optional double sum = 5;
  sint32 scale = 6;
  fixed64 zeroCount = 7;
  Buckets positive = 8;
  Buckets negative = 9;
  uint32 flags = 10;
  repeated Exemplar exemplars = 11;
  optional double min = 12;
  optional double max = 13;
  double zeroThreshold = 14;
}
message Buckets { sint32 offset = 1; repeated uint64 bucketCounts = 2; }
message SummaryDataPoint {
  fixed64 startTimeUnixNano = 2;
  fixed64 timeUnixNano = 3;
  fixed64 count = 4;
  double sum = 5;
  repeated QuantileValue quantileValues = 6;
  repeated KeyValue attributes = 7;
  uint32 flags = 8;
}
message QuantileValue { double quantile = 1; double value = 2; }
message Exemplar {
  fixed64 timeUnixNano = 2;
  oneof value { double asDouble = 3; sfixed64 asInt = 6; }
  bytes spanId = 4;
  bytes traceId = 5;
  repeated KeyValue filteredAttributes = 7;
}

message ResourceLogs { Resource resource = 1; repeated ScopeLogs scopeLogs = 2; string schemaUrl = 3; }
message ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord logRecords = 2; string schemaUrl = 3; }
message LogRecord {
  fixed64 timeUnixNano = 1;
  int32 severityNumber = 2;
  string severityText = 3;
  AnyValue body = 5;
  repeated KeyValue attributes = 6;
  uint32 droppedAttributesCount = 7;
  fixed32 flags = 8;
  bytes traceId = 9;
  bytes spanId = 10;
  fixed64 observedTimeUnixNano = 11;
  string eventName = 12;
}

message ResourceProfiles { Resource resource = 1; repeated ScopeProfiles scopeProfiles = 2; string schemaUrl = 3; }
message ScopeProfiles { InstrumentationScope scope = 1; repeated Opaque profiles = 2; string schemaUrl = 3; }
message Opaque { }
`

const { root } = protobuf.parse(SOURCE, { keepCase: true })

/** A message of OTLP, as protobufjs knows it. */
export const judge = (name: string): protobuf.Type => root.lookupType(name).resolve() as protobuf.Type
