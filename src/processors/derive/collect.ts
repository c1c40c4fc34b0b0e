import { encode } from '../../otlp/encode.ts'
import type {
  Draft,
  Exemplar,
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint
} from '../../otlp/objects.ts'
import { ExplicitHistogram } from './explicit-histogram.ts'
import type { ExponentialHistogram } from './exponential-histogram.ts'
import type { Rule } from './rules.ts'
import type { Series, SeriesStore } from './series.ts'

const CUMULATIVE = 2
const SCOPE = 'sluice.derive'
const OVERFLOW: Draft<KeyValue> = { key: 'otel.metric.overflow', value: { boolValue: true } }

/** All series as one ExportMetricsServiceRequest, cumulative up to `nowMs`, or null when there are none. */
export function collectMetrics(
  stores: readonly SeriesStore[],
  resource: Readonly<Record<string, string>>,
  nowMs: number
): Uint8Array | null {
  const metrics = stores.flatMap((store) => metricsOf(store.rule, [...store.series()], nowMs))
  if (metrics.length === 0) return null
  const attributes = Object.entries(resource).map(([key, value]) => attribute(key, value))
  return encode('ExportMetricsServiceRequest', {
    resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ scope: { name: SCOPE }, metrics }] }]
  })
}

function metricsOf(rule: Rule, series: readonly Series[], nowMs: number): Draft<Metric>[] {
  const metrics: Draft<Metric>[] = []
  if (series.length === 0) return metrics
  const description = rule.help
  const points = series.map((one) => ({
    one,
    attributes: attributesOf(rule, one),
    startTimeUnixNano: nanos(one.startMs),
    timeUnixNano: nanos(nowMs)
  }))
  if (rule.counter !== null) {
    const dataPoints = points.map(({ one, ...point }): Draft<NumberDataPoint> => {
      // The histogram's buckets show them where there is one.
      return { ...point, asInt: one.count, exemplars: one.histogram === null ? exemplarsOf(one) : undefined }
    })
    metrics.push({
      name: rule.counter,
      description,
      unit: '{span}',
      sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true }
    })
  }
  if (rule.duration !== null) {
    const explicit: Draft<HistogramDataPoint>[] = []
    const exponential: Draft<ExponentialHistogramDataPoint>[] = []
    for (const { one, ...point } of points) {
      const common = { ...point, count: one.count, sum: one.histogram!.sum, exemplars: exemplarsOf(one) }
      if (one.histogram instanceof ExplicitHistogram) {
        explicit.push({ ...common, bucketCounts: Array.from(one.histogram.counts), explicitBounds: Array.from(one.histogram.bounds) })
      } else exponential.push({ ...common, ...bucketsOf(one.histogram!) })
    }
    const data =
      explicit.length > 0
        ? { histogram: { dataPoints: explicit, aggregationTemporality: CUMULATIVE } }
        : { exponentialHistogram: { dataPoints: exponential, aggregationTemporality: CUMULATIVE } }
    metrics.push({ name: rule.duration, description: `${description} Duration.`, unit: 's', ...data })
  }
  return metrics
}

function bucketsOf(histogram: ExponentialHistogram): Draft<ExponentialHistogramDataPoint> {
  const bucketCounts = histogram.buckets()
  return {
    scale: histogram.scale,
    zeroCount: histogram.zeros,
    positive: bucketCounts.length === 0 ? undefined : { offset: histogram.low, bucketCounts }
  }
}

function exemplarsOf(series: Series): Draft<Exemplar>[] | undefined {
  return series.exemplars?.list().map(({ seconds, ...exemplar }) => ({ ...exemplar, asDouble: seconds }))
}

function attributesOf(rule: Rule, series: Series): Draft<KeyValue>[] {
  if (series.values === null) return [OVERFLOW]
  const attributes: Draft<KeyValue>[] = []
  for (let i = 0; i < rule.labels.length; i++) {
    const value = series.values[i]
    if (value !== undefined) attributes.push(attribute(rule.labels[i].name, value))
  }
  return attributes
}

function attribute(key: string, stringValue: string): Draft<KeyValue> {
  return { key, value: { stringValue } }
}

function nanos(ms: number): bigint {
  return BigInt(ms) * 1_000_000n
}
