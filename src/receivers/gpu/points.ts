import type { Draft, KeyValue, Metric, NumberDataPoint } from '../../otlp/objects.ts'

const CUMULATIVE = 2

/** How a metric adds up: over time (counter), over its series (total), or not at all (gauge). */
export type MetricKind = 'gauge' | 'total' | 'counter'

export interface MetricName {
  readonly name: string
  readonly kind: MetricKind
  readonly unit: string
  readonly description: string
}

/** Texts, and whole numbers. */
export type Attributes = Readonly<Record<string, string | number | undefined>>

/** Gathers points by the metric they belong to, in the order in which the metrics were first named. */
export class Points {
  private readonly found = new Map<string, { metric: MetricName; points: Draft<NumberDataPoint>[] }>()

  /** Adds a point; a value that is not there, or is no number, adds none. Attributes without a value are left out. */
  add(metric: MetricName, value: number | undefined, atMs: number, attributes: Attributes): void {
    if (value === undefined || !Number.isFinite(value)) return
    let entry = this.found.get(metric.name)
    if (entry === undefined) {
      entry = { metric, points: [] }
      this.found.set(metric.name, entry)
    }
    const number = isWhole(metric) && Number.isSafeInteger(value) ? { asInt: value } : { asDouble: value }
    entry.points.push({ attributes: keyValues(attributes), timeUnixNano: BigInt(Math.round(atMs)) * 1_000_000n, ...number })
  }

  /** All of it as OTLP. When a counter of the driver began is not known, so the points do not say it. */
  metrics(): Draft<Metric>[] {
    return Array.from(this.found.values(), ({ metric: { name, kind, unit, description }, points: dataPoints }) => {
      const sum = { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: kind === 'counter' }
      return { name, description, unit, ...(kind === 'gauge' ? { gauge: { dataPoints } } : { sum }) }
    })
  }
}

// Bytes and things that are counted are whole numbers, and stay so from point to point.
function isWhole({ kind, unit }: MetricName): boolean {
  return unit === 'By' || (kind !== 'gauge' && unit.startsWith('{'))
}

export function keyValues(attributes: Attributes): Draft<KeyValue>[] {
  const list: Draft<KeyValue>[] = []
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) list.push({ key, value: typeof value === 'number' ? { intValue: value } : { stringValue: value } })
  return list
}
