import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import { judge } from '../fuzz/proto.ts'
import { checkUnique, type IntakePoint } from './datadog-metrics.ts'
import { parseStrictly } from './strict-json.ts'

// biome-ignore lint/suspicious/noExplicitAny: a tree without types, for tests to look into
export type Tree = any

/** A span as it came by OTLP, with its resource and scope. */
export interface OtlpSpan {
  readonly resource: Record<string, unknown>
  readonly scope: string
  readonly attributes: Record<string, unknown>
  /** In hexadecimal; empty when there is no parent. */
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  /** The number of the enum, and that of the status. */
  readonly kind: number
  readonly status: number
  readonly statusMessage: string
  readonly startNs: bigint
  readonly durationNs: number
  readonly events: readonly { readonly name: string; readonly attributes: Record<string, unknown> }[]
}

/** A request as protobufjs decodes it; throws when it cannot. */
export function decodeOtlp(signal: OtlpSignal, bytes: Uint8Array): Tree {
  const type = judge(SHAPES[signal].request)
  return type.toObject(type.decode(bytes), { longs: String, arrays: true, defaults: false })
}

/** Attributes as a plain object. Notes keys that come twice. */
export function plain(attributes: readonly Tree[] = [], problems: string[] = []): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const { key, value } of attributes) {
    if (key in found) problems.push(`the attribute ${key} comes twice`)
    found[key] = valueIn(value)
  }
  return found
}

function valueIn(value: Tree): unknown {
  if (value === undefined || value === null) return undefined
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(valueIn)
  if (value.kvlistValue !== undefined) return plain(value.kvlistValue.values)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value.bytesValue
}

/** All spans of a request. What is wrong goes to `problems`. */
export function readSpans(message: Tree, problems: string[]): OtlpSpan[] {
  const spans: OtlpSpan[] = []
  for (const entry of message.resourceSpans ?? []) {
    const resource = plain(entry.resource?.attributes, problems)
    for (const { scope, spans: list } of entry.scopeSpans ?? [])
      for (const span of list ?? []) {
        const hex = (id: Buffer | undefined, bytes: number, what: string): string => {
          if (id?.length !== bytes || id.every((byte) => byte === 0)) problems.push(`${what} of ${id?.length} bytes, or of zeros`)
          return id?.toString('hex') ?? ''
        }
        const startNs = BigInt(span.startTimeUnixNano ?? 0)
        const endNs = BigInt(span.endTimeUnixNano ?? 0)
        if (startNs === 0n || endNs < startNs) problems.push(`span from ${startNs} to ${endNs}`)
        if (typeof span.name !== 'string' || span.name === '') problems.push('a span without name')
        spans.push({
          resource,
          scope: scope?.name ?? '',
          attributes: plain(span.attributes, problems),
          traceId: hex(span.traceId, 16, 'trace id'),
          spanId: hex(span.spanId, 8, 'span id'),
          parentSpanId: span.parentSpanId === undefined || span.parentSpanId.length === 0 ? '' : hex(span.parentSpanId, 8, 'parent'),
          traceState: span.traceState ?? '',
          name: span.name ?? '',
          kind: span.kind ?? 0,
          status: span.status?.code ?? 0,
          statusMessage: span.status?.message ?? '',
          startNs,
          durationNs: Number(endNs - startNs),
          events: (span.events ?? []).map((event: Tree) => ({ name: event.name, attributes: plain(event.attributes, problems) }))
        })
      }
  }
  return spans
}

interface MetricConfig {
  readonly resource_attributes_as_tags?: boolean
  readonly instrumentation_scope_metadata_as_tags?: boolean
  readonly histograms?: { readonly mode?: string; readonly send_aggregation_metrics?: boolean }
  readonly summaries?: { readonly mode?: string }
}

/** Reads the header `dd-otel-metric-config`. */
export function readMetricConfig(header: string | undefined, problems: string[]): MetricConfig {
  if (header === undefined) return {}
  const config = parseStrictly(Buffer.from(header))
  const allowed: Record<string, (value: unknown) => boolean> = {
    resource_attributes_as_tags: (value) => typeof value === 'boolean',
    instrumentation_scope_metadata_as_tags: (value) => typeof value === 'boolean',
    'histograms.mode': (value) => ['distributions', 'counters', 'nobuckets'].includes(String(value)),
    'histograms.send_aggregation_metrics': (value) => typeof value === 'boolean',
    'summaries.mode': (value) => ['noquantiles', 'gauges'].includes(String(value))
  }
  const walk = (object: object, prefix: string): void => {
    for (const [key, value] of Object.entries(object)) {
      const name = `${prefix}${key}`
      if (name === 'histograms' || name === 'summaries') walk(value, `${name}.`)
      else if (allowed[name]?.(value) !== true) problems.push(`dd-otel-metric-config: ${name} is ${JSON.stringify(value)}`)
    }
  }
  walk(config, '')
  return config
}

/** Reads the header `dd-otel-span-mapping`. */
export function checkSpanMapping(header: string | undefined, problems: string[]): void {
  if (header === undefined) return
  const mapping = parseStrictly(Buffer.from(header))
  for (const [key, value] of Object.entries(mapping)) {
    const fine =
      (key === 'ignore_resources' && Array.isArray(value) && value.every((each) => typeof each === 'string')) ||
      (key === 'span_name_remappings' && typeof value === 'object' && Object.values(value!).every((each) => typeof each === 'string')) ||
      (key === 'span_name_as_resource_name' && typeof value === 'boolean')
    if (!fine) problems.push(`dd-otel-span-mapping: ${key}`)
  }
}

const DELTA = 1

/**
 * All points of a request of metrics as the intake makes series of them: the attributes of a resource are tags only when the header says so, a
 * cumulative sum or histogram is refused unless `isCumulativeTaken`. What is wrong goes to `problems`.
 */
export function readPoints(message: Tree, config: MetricConfig, problems: string[], isCumulativeTaken = false): IntakePoint[] {
  const points: IntakePoint[] = []
  for (const entry of message.resourceMetrics ?? []) {
    const resource = plain(entry.resource?.attributes, problems)
    const host = resource['host.name'] ?? resource['datadog.host.name'] ?? resource['host.id']
    for (const { scope, metrics } of entry.scopeMetrics ?? [])
      for (const metric of metrics ?? []) {
        const { name } = metric
        if (typeof name !== 'string' || name === '') problems.push('a metric without name')
        const kind = KIND_OF.find((key) => metric[key] !== undefined)
        if (kind === undefined) {
          problems.push(`${name}: no data`)
          continue
        }
        const { dataPoints, aggregationTemporality, isMonotonic } = metric[kind]
        if (!(dataPoints?.length > 0)) problems.push(`${name}: no points`)
        if (TEMPORAL.has(kind) && aggregationTemporality !== DELTA && !isCumulativeTaken)
          problems.push(`${name}: ${kind} of temporality ${aggregationTemporality}, and only delta is taken`)
        for (const point of dataPoints ?? []) {
          const attributes = plain(point.attributes, problems)
          const time = BigInt(point.timeUnixNano ?? 0)
          const start = BigInt(point.startTimeUnixNano ?? 0)
          if (time === 0n || start > time) problems.push(`${name}: a point from ${start} to ${time}`)
          const tags = {
            ...(config.resource_attributes_as_tags === true ? resource : {}),
            ...(config.instrumentation_scope_metadata_as_tags === true ? { 'instrumentation_scope.name': scope?.name } : {}),
            ...attributes
          }
          points.push({
            metric: name,
            kind: kind === 'sum' ? (isMonotonic === true ? 'count' : 'gauge') : POINT_KIND[kind],
            host: host === undefined ? undefined : String(host),
            tags: Object.entries(tags)
              .map(([key, value]) => `${key}:${typeof value === 'object' ? JSON.stringify(value) : value}`)
              .sort(),
            timeS: Number(time / 1_000_000_000n),
            value: Number(point.asDouble ?? point.asInt ?? point.sum ?? 0),
            count: kind === 'gauge' || kind === 'sum' ? 1 : Number(point.count ?? 0),
            ...(kind === 'histogram' && { buckets: readBuckets(point, name, problems) }),
            unit: metric.unit
          })
          if (kind === 'exponentialHistogram') checkExponential(point, name, problems)
        }
      }
  }
  checkUnique(points, problems)
  return points
}

const KIND_OF = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const
const TEMPORAL = new Set(['sum', 'histogram', 'exponentialHistogram'])
const POINT_KIND = { gauge: 'gauge', histogram: 'distribution', exponentialHistogram: 'distribution', summary: 'summary' } as const

function readBuckets(point: Tree, name: string, problems: string[]): NonNullable<IntakePoint['buckets']> {
  const counts = (point.bucketCounts ?? []).map(Number) as number[]
  const bounds = (point.explicitBounds ?? []) as number[]
  if (counts.length > 0 && counts.length !== bounds.length + 1) problems.push(`${name}: ${counts.length} buckets, ${bounds.length} bounds`)
  if (counts.length > 0 && sum(counts) !== Number(point.count ?? 0)) problems.push(`${name}: buckets hold ${sum(counts)} of ${point.count}`)
  if (bounds.some((bound, i) => i > 0 && bound <= bounds[i - 1])) problems.push(`${name}: bounds do not rise`)
  return { counts, bounds }
}

function checkExponential(point: Tree, name: string, problems: string[]): void {
  const held = [point.positive, point.negative].map((buckets) => sum((buckets?.bucketCounts ?? []).map(Number)))
  const all = held[0] + held[1] + Number(point.zeroCount ?? 0)
  if (all !== Number(point.count ?? 0)) problems.push(`${name}: buckets hold ${all} of ${point.count}`)
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
