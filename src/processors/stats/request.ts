import { PERIOD_NANO, STATISTICS_NAME } from '../../datadog/statistics.ts'
import { encode } from '../../otlp/encode.ts'
import type { Draft, Metric } from '../../otlp/objects.ts'
import type { Row } from './row.ts'

const DELTA = 1

/** The request that a batch of statistics is: one metric for each row, so that it can be split between any two. */
export function requestOf(rows: readonly Row[]): Uint8Array {
  const byOrigin = new Map<string, Row[]>()
  for (const row of rows) {
    const same = byOrigin.get(row.key.origin.text)
    if (same === undefined) byOrigin.set(row.key.origin.text, [row])
    else same.push(row)
  }
  const resourceMetrics = Array.from(byOrigin.values(), (same) => ({
    resource: { attributes: same[0].key.origin.attributes },
    scopeMetrics: [{ metrics: same.map(metricOf) }]
  }))
  return encode('ExportMetricsServiceRequest', { resourceMetrics })
}

function metricOf({ key, period, hits, sum, min, max, zeros, offset, bins }: Row): Draft<Metric> {
  let first = 0
  let last = bins.length
  while (first < last && bins[first] === 0) first++
  while (last > first && bins[last - 1] === 0) last--
  return {
    name: STATISTICS_NAME,
    unit: 'ns',
    exponentialHistogram: {
      aggregationTemporality: DELTA,
      dataPoints: [
        {
          attributes: key.attributes,
          startTimeUnixNano: BigInt(period.number) * BigInt(PERIOD_NANO),
          timeUnixNano: BigInt(period.toldAtSecond) * 1_000_000_000n,
          count: Math.round(hits),
          sum,
          min,
          max,
          zeroCount: Math.round(zeros),
          // Weights may be fractions; nothing else here is.
          positive: { offset: offset + first, bucketCounts: Array.from(bins.subarray(first, last), Math.round) }
        }
      ]
    }
  }
}
