import type {
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint,
  ResourceMetrics,
  ScopeMetrics,
  SummaryDataPoint
} from '../../otlp/objects.ts'
import type { Cell, Family } from './cells.ts'
import type { Range, Total } from './totals.ts'

const DELTA = 1

/** The points as an OTLP request in which every sum and histogram is a delta. Neighbours of one metric stay together. */
export function cellsAsOtlp(cells: readonly Cell[]): { resourceMetrics: ResourceMetrics[] } {
  const resourceMetrics: ResourceMetrics[] = []
  let last: Family | undefined
  let scopes: ScopeMetrics[] = []
  let metrics: Metric[] = []
  let points: object[] = []
  for (const cell of cells) {
    const { family } = cell
    if (last?.resource !== family.resource) {
      scopes = []
      resourceMetrics.push({ resource: family.resource, scopeMetrics: scopes })
    }
    if (last?.resource !== family.resource || last?.scope !== family.scope) {
      metrics = []
      scopes.push({ ...(family.scope && { scope: family.scope }), metrics })
    }
    if (last?.metric !== family.metric || last?.kind !== family.kind) {
      points = []
      metrics.push(metricOf(family, points))
    }
    points.push(pointOf(cell))
    last = family
  }
  return { resourceMetrics }
}

function metricOf({ metric, kind }: Family, dataPoints: object[]): Metric {
  const { name, description, unit } = metric
  const head: Metric = { ...(name && { name }), ...(description && { description }), ...(unit && { unit }) }
  switch (kind) {
    case 'gauge':
      return { ...head, gauge: { dataPoints } }
    case 'count':
      return { ...head, sum: { dataPoints, aggregationTemporality: DELTA, isMonotonic: metric.sum?.isMonotonic === true } }
    case 'histogram':
      return { ...head, histogram: { dataPoints, aggregationTemporality: DELTA } }
    case 'exponential':
      return { ...head, exponentialHistogram: { dataPoints, aggregationTemporality: DELTA } }
    case 'summary':
      return { ...head, summary: { dataPoints } }
  }
}

type AnyPoint = NumberDataPoint & HistogramDataPoint & ExponentialHistogramDataPoint & SummaryDataPoint

// Exemplars are not shown, and take more room than all else.
function pointOf({ point, attributes, total, startNano, timeNano, min, max }: Cell): object {
  const head = { attributes: attributes as KeyValue[], startTimeUnixNano: startNano, timeUnixNano: timeNano }
  if (point !== null || total === null) {
    const { exemplars: _, ...rest } = (point ?? {}) as AnyPoint
    return { ...rest, ...head }
  }
  return {
    ...head,
    ...contentOf(total),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max })
  }
}

function contentOf(total: Total): object {
  switch (total.kind) {
    case 'sum':
      return Number.isSafeInteger(total.value) ? { asInt: BigInt(total.value) } : { asDouble: total.value }
    case 'summary':
      return { count: BigInt(total.count), sum: total.sum }
    case 'histogram':
      return {
        count: BigInt(total.count),
        ...(total.sum !== null && { sum: total.sum }),
        bucketCounts: total.buckets.map(BigInt),
        explicitBounds: total.bounds
      }
    case 'exponential':
      return {
        count: BigInt(total.count),
        ...(total.sum !== null && { sum: total.sum }),
        scale: total.scale,
        zeroCount: BigInt(total.zeros),
        zeroThreshold: total.zeroThreshold,
        positive: bucketsOf(total.positive),
        negative: bucketsOf(total.negative)
      }
  }
}

// Without the empty buckets at both ends, of which a difference has many.
function bucketsOf({ offset, counts }: Range): object {
  let start = 0
  let end = counts.length
  while (start < end && counts[start] === 0) start++
  while (end > start && counts[end - 1] === 0) end--
  return { offset: start === end ? 0 : offset + start, bucketCounts: counts.slice(start, end).map(BigInt) }
}
