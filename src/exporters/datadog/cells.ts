import type {
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint,
  QuantileValue,
  Resource,
  Scope,
  SummaryDataPoint
} from '../../otlp/objects.ts'
import type { Change } from './delta-journal.ts'
import type { Total } from './totals.ts'

export type Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint

/** What of a metric its points have in common. */
export interface Family {
  readonly resource: Resource
  readonly scope: Scope | undefined
  readonly metric: Metric
  readonly kind: 'gauge' | 'count' | 'histogram' | 'exponential' | 'summary'
}

/** One point that goes to Datadog. */
export interface Cell {
  readonly family: Family
  readonly attributes: readonly KeyValue[]
  /** The point as it came, where that is what is sent. */
  point: Point | null
  /** Of a summary. */
  readonly quantiles: readonly QuantileValue[] | undefined
  /** What was counted between start and end; of a gauge null. */
  total: Total | null
  startNano: bigint
  timeNano: bigint
  /** The least and the most of it, where they are known. */
  min: number | undefined
  max: number | undefined
}

/** What becomes of points: of several where they fall into the same second. */
export interface Entry {
  /** Null where nothing is to be sent. */
  readonly cell: Cell | null
  items: number
  /** What is known when it has arrived. */
  readonly changes: Change[]
  /** What Datadog takes for one series, and the second of the point, of which it keeps one; empty where that is no matter. */
  readonly slot: string
  readonly second: number
  /** Why it is not sent, where that is a loss. */
  readonly reason: Loss | null
}

export type Loss = keyof typeof LOSSES

/** Points that are not sent, and why. */
export const LOSSES = {
  baseline: 'first points of cumulative series that began before the gateway did: later ones are counted from there',
  'out-of-order': 'points of an earlier start than the last one: two senders that cannot be told apart, or the rest of one that has ended',
  'series-max': 'more cumulative series than exporters.datadog.seriesMax',
  unsupported: 'points without a number, a name or a temporality, or with buckets that do not fit their bounds',
  'too-old': 'points older than an hour, which the intake of series does not take',
  'in-the-future': 'points of more than ten minutes ahead, which the intake of series does not take'
} as const
