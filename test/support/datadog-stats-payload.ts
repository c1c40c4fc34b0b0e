import type { OtlpSpan, Tree } from './datadog-otlp.ts'
import { Durations, readSketch, type StatisticsRow } from './datadog-statistics.ts'
import { readMsgpack } from './read-msgpack.ts'

const PAYLOAD_KEYS = new Set([
  ...['Hostname', 'Env', 'Version', 'Stats', 'Lang', 'TracerVersion', 'RuntimeID', 'Sequence', 'AgentAggregation', 'Service'],
  ...['ContainerID', 'Tags', 'GitCommitSha', 'ImageTag', 'ProcessTags']
])
const ROW_KEYS = new Set([
  ...['Service', 'Name', 'Resource', 'HTTPStatusCode', 'Type', 'DBType', 'Hits', 'Errors', 'Duration', 'OkSummary', 'ErrorSummary'],
  ...['Synthetics', 'TopLevelHits', 'SpanKind', 'PeerTags', 'IsTraceRoot', 'GRPCStatusCode', 'HTTPMethod', 'HTTPEndpoint', 'srv_src']
])
const BUCKET_NS = 10_000_000_000n

export interface ReadStats {
  readonly rows: StatisticsRow[]
  /** Where each bucket starts. */
  readonly starts: readonly bigint[]
  readonly sequence: number
  readonly runtimeId: string
}

/** Reads the body of a request to `/v0.6/stats`. What is wrong goes to `problems`. */
export function readStats(bytes: Buffer, problems: string[]): ReadStats {
  const payload = readMsgpack(bytes)
  const say = (problem: string): void => void problems.push(problem)
  for (const key of Object.keys(payload)) if (!PAYLOAD_KEYS.has(key)) say(`unknown field ${key}`)
  for (const key of ['Hostname', 'Env', 'Version']) if (typeof payload[key] !== 'string') say(`${key} is no text`)
  if (!Array.isArray(payload.Stats) || payload.Stats.length === 0) throw new Error('expected buckets')
  const rows: StatisticsRow[] = []
  const starts: bigint[] = []
  for (const { Start, Duration, Stats, ...more } of payload.Stats) {
    if (Object.keys(more).some((key) => key !== 'AgentTimeShift')) say(`unknown fields ${Object.keys(more)} of a bucket`)
    if (BigInt(Duration ?? 0) !== BUCKET_NS) say(`a bucket of ${Duration} ns`)
    if (BigInt(Start ?? 1) % BUCKET_NS !== 0n || BigInt(Start ?? 0) <= 0n) say(`a bucket that starts at ${Start}`)
    if (!Array.isArray(Stats) || Stats.length === 0) throw new Error('a bucket without rows')
    starts.push(BigInt(Start))
    const seen = new Set<string>()
    for (const row of Stats) rows.push(readRow(row, String(payload.Env), seen, say))
  }
  return { rows, starts, sequence: Number(payload.Sequence ?? 0), runtimeId: String(payload.RuntimeID ?? '') }
}

function readRow(row: Tree, env: string, seen: Set<string>, say: (problem: string) => void): StatisticsRow {
  for (const key of Object.keys(row)) if (!ROW_KEYS.has(key)) say(`unknown field ${key} of a row`)
  const { Service, Name, Resource, Type, HTTPStatusCode = 0, SpanKind = '', OkSummary, ErrorSummary, ...rest } = row
  const [hits, errors, topLevelHits, durationNs] = [row.Hits, row.Errors, row.TopLevelHits, row.Duration].map(Number)
  for (const [name, text] of Object.entries({ Service, Name, Resource, Type, SpanKind }))
    if (typeof text !== 'string') say(`${name} of a row is no text`)
  if (![hits, errors, topLevelHits, durationNs].every((count) => Number.isInteger(count) && count >= 0)) say(`counts of ${Resource}`)
  if (errors > hits || topLevelHits > hits) say(`${Resource}: ${errors} errors and ${topLevelHits} of the top level in ${hits} hits`)
  const { HTTPMethod, HTTPEndpoint, srv_src, GRPCStatusCode, Synthetics, PeerTags, IsTraceRoot, DBType } = rest
  // Rows of the top level and others stand apart.
  const key = JSON.stringify([
    ...[Service, Name, Resource, Type, HTTPStatusCode, SpanKind, topLevelHits > 0],
    ...[HTTPMethod, HTTPEndpoint, srv_src, GRPCStatusCode, Synthetics, PeerTags, IsTraceRoot, DBType]
  ])
  if (seen.has(key)) say(`two rows of ${key} in one bucket`)
  seen.add(key)
  const sketch = (bytes: unknown, name: string): Durations => {
    if (!Buffer.isBuffer(bytes)) say(`${name} is no sketch`)
    const problems: string[] = []
    const durations = readSketch(Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0), problems)
    for (const problem of problems) say(`${name}: ${problem}`)
    return durations
  }
  const ok = sketch(OkSummary, 'OkSummary')
  const error = sketch(ErrorSummary, 'ErrorSummary')
  if (ok.count !== hits - errors || error.count !== errors)
    say(`${Resource}: sketches of ${ok.count} and ${error.count}, ${hits} hits with ${errors} errors`)
  const spanKind = String(SpanKind).toLowerCase()
  const key_ = { service: Service, name: Name, resource: Resource, type: Type, httpStatus: Number(HTTPStatusCode), spanKind, env }
  return { ...key_, hits, errors, topLevelHits, durationNs, ok, error }
}

/** The metric in which statistics come to the OTLP intake. */
export const SPAN_METRIC = 'traces.span.sdk.metrics.duration'
const BOUNDS_S = [0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15]
const KINDS = new Set(['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER', 'UNSPECIFIED'].map((kind) => `SPAN_KIND_${kind}`))
const STATUSES = new Set(['STATUS_CODE_OK', 'STATUS_CODE_ERROR', 'STATUS_CODE_UNSET'])

/** The rows that a histogram of span durations tells: one for each of its points. What is wrong goes to `problems`. */
export function readSpanMetric(
  metric: Tree,
  resource: OtlpSpan['resource'],
  plain: (a: Tree[]) => Tree,
  problems: string[]
): StatisticsRow[] {
  const say = (problem: string): void => void problems.push(`${SPAN_METRIC}: ${problem}`)
  const data = metric.histogram ?? metric.exponentialHistogram
  if (metric.unit !== 's') say(`unit ${metric.unit}`)
  if (data === undefined) throw new Error(`${SPAN_METRIC} is no histogram`)
  return (data.dataPoints as Tree[]).map((point) => {
    const a = plain(point.attributes)
    const service = a['service.name'] ?? resource['service.name']
    for (const [key, value] of Object.entries({ service, 'span.name': a['span.name'], operation: a['datadog.operation.name'] }))
      if (typeof value !== 'string' || value === '') say(`no ${key}`)
    if (!KINDS.has(a['span.kind'])) say(`span.kind ${a['span.kind']}`)
    if (!STATUSES.has(a['status.code'])) say(`status.code ${a['status.code']}`)
    for (const key of ['datadog.span.top_level', 'datadog.is_trace_root'])
      if (a[key] !== undefined && typeof a[key] !== 'boolean') say(`${key} is no boolean`)
    const isError = a['status.code'] === 'STATUS_CODE_ERROR'
    const durations = durationsOf(point, metric.histogram !== undefined, say)
    const hits = Number(point.count ?? 0)
    return {
      service: String(service),
      name: String(a['datadog.operation.name']),
      resource: String(a['span.name']),
      type: String(a['datadog.span.type'] ?? ''),
      httpStatus: Number(a['http.response.status_code'] ?? 0),
      spanKind: String(a['span.kind']).slice('SPAN_KIND_'.length).toLowerCase(),
      env: String(resource['deployment.environment.name'] ?? resource['deployment.environment'] ?? ''),
      hits,
      errors: isError ? hits : 0,
      topLevelHits: a['datadog.span.top_level'] === true ? hits : 0,
      durationNs: Number(point.sum ?? 0) * 1e9,
      ok: isError ? new Durations() : durations,
      error: isError ? durations : new Durations()
    }
  })
}

function durationsOf(point: Tree, isExplicit: boolean, say: (problem: string) => void): Durations {
  const durations = new Durations()
  if (isExplicit) {
    const bounds = (point.explicitBounds ?? []) as number[]
    if (JSON.stringify(bounds) !== JSON.stringify(BOUNDS_S)) say(`bounds ${bounds}`)
    for (const [i, count] of ((point.bucketCounts ?? []) as string[]).entries()) {
      const low = (bounds[i - 1] ?? 0) * 1e9
      const high = bounds[i] === undefined ? (point.max ?? bounds[i - 1]) * 1e9 : bounds[i] * 1e9
      if (Number(count) > 0) durations.add(low, high, undefined, Number(count))
    }
    return durations
  }
  const base = 2 ** (2 ** -(point.scale ?? 0))
  if (Number(point.zeroCount ?? 0) > 0) durations.add(0, 0, 0, Number(point.zeroCount))
  for (const [i, count] of ((point.positive?.bucketCounts ?? []) as string[]).entries()) {
    const low = base ** ((point.positive.offset ?? 0) + i) * 1e9
    if (Number(count) > 0) durations.add(low, low * base, (2 * low * base) / (1 + base), Number(count))
  }
  return durations
}
