import { type Batch, parseBatch } from '../../batch.ts'
import { encode } from '../../otlp/encode.ts'
import type { Draft, ExponentialHistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics } from '../../otlp/objects.ts'
import type { Side } from './dogstatsd-histogram.ts'
import { COUNT, type Family, GAUGE, HISTOGRAM, type Series } from './dogstatsd-series.ts'
import { isCumulative, isSet, type Store, type Target } from './dogstatsd-store.ts'

const CUMULATIVE = 2
const SCOPE = 'sluice.dogstatsd'
const POINTS_PER_BATCH = 1000
/** Of names and tags. */
const CHARACTERS_PER_BATCH = 512 * 1024
/** What goes on counting is told so often even while nothing happens, so that nobody takes it to be gone. */
const TOLD_AGAIN_AFTER_MS = 60_000
const NANO_PER_MS = 1_000_000n

/** A part of what there is to tell, and the series that it tells of. */
export interface Part {
  readonly batch: Batch
  readonly series: readonly Series[]
}

type Points = Draft<NumberDataPoint>[] | Draft<ExponentialHistogramDataPoint>[]

/** What there is to tell, in batches of one sender each. Each is made when it is asked for, and its series then count as told. */
export function* partsOf(store: Store, nowMs: number): Generator<Part> {
  for (const { sender, targets } of store.sources.values()) {
    let requests: Draft<ResourceMetrics>[] = []
    let series: Series[] = []
    let characters = 0
    const part = (): Part => {
      const bytes = encode('ExportMetricsServiceRequest', { resourceMetrics: requests })
      const told = { batch: parseBatch('metrics', bytes, nowMs, sender), series }
      requests = []
      series = []
      characters = 0
      return told
    }
    for (const target of targets.values()) {
      let some: Series[] = []
      for (const one of [...target.series.values()].filter((each) => isDue(each, nowMs))) {
        some.push(one)
        series.push(one)
        characters += one.size
        if (series.length < POINTS_PER_BATCH && characters < CHARACTERS_PER_BATCH) continue
        requests.push(resourceMetricsOf(store, target, some, nowMs))
        some = []
        yield part()
      }
      if (some.length > 0) requests.push(resourceMetricsOf(store, target, some, nowMs))
    }
    if (series.length > 0) yield part()
  }
}

function isDue({ family, isDirty, toldMs }: Series, nowMs: number): boolean {
  return isDirty || (isCumulative(family.kind) && nowMs - toldMs >= TOLD_AGAIN_AFTER_MS)
}

function resourceMetricsOf(store: Store, { resource }: Target, some: readonly Series[], nowMs: number): Draft<ResourceMetrics> {
  const families = new Map<Family, Points>()
  for (const series of some) {
    series.isDirty = false
    series.toldMs = nowMs
    const points = families.get(series.family) ?? []
    points.push(pointOf(store, series, nowMs) as never)
    families.set(series.family, points)
  }
  const metrics = Array.from(families, ([family, points]) => metricOf(family, points))
  return { resource: { attributes: resource }, scopeMetrics: [{ scope: { name: SCOPE }, metrics }] }
}

function metricOf({ name, kind, unit, isUpDown }: Family, points: Points): Draft<Metric> {
  if (kind === HISTOGRAM) {
    const dataPoints = points as Draft<ExponentialHistogramDataPoint>[]
    return { name, unit, exponentialHistogram: { dataPoints, aggregationTemporality: CUMULATIVE } }
  }
  const dataPoints = points as Draft<NumberDataPoint>[]
  if (kind === COUNT) return { name, sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: !isUpDown } }
  return { name, gauge: { dataPoints } }
}

function pointOf(store: Store, series: Series, nowMs: number): Draft<NumberDataPoint> | Draft<ExponentialHistogramDataPoint> {
  const { family, attributes, startNano: startTimeUnixNano, value, atMs, histogram } = series
  const nowNano = BigInt(nowMs) * NANO_PER_MS
  // Starts may be ahead of the clock, where many series began at once.
  const timeUnixNano = nowNano > startTimeUnixNano ? nowNano : startTimeUnixNano + NANO_PER_MS
  if (histogram !== null) {
    const { count, sum, scale, zeros: zeroCount, positive, negative } = histogram
    const buckets = { positive: bucketsOf(positive), negative: bucketsOf(negative) }
    return { attributes, startTimeUnixNano, timeUnixNano, count, sum, scale, zeroCount, ...buckets }
  }
  if (isSet(family.kind)) return { attributes, timeUnixNano, asInt: store.takeMembers(series) }
  const number = Number.isSafeInteger(value) && !Object.is(value, -0) ? { asInt: value } : { asDouble: value }
  if (family.kind !== GAUGE) return { attributes, startTimeUnixNano, timeUnixNano, ...number }
  return { attributes, timeUnixNano: atMs === 0 ? nowNano : BigInt(Math.floor(atMs)) * NANO_PER_MS, ...number }
}

function bucketsOf(side: Side): { offset: number; bucketCounts: number[] } | undefined {
  return side.isEmpty ? undefined : { offset: side.low, bucketCounts: side.buckets() }
}
