// What cumulative points hold, and the differences between two of them.
import type { Buckets, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint } from '../../otlp/objects.ts'

/** Of an exponential histogram: the count of bucket `offset + i`. */
export interface Range {
  readonly offset: number
  readonly counts: readonly number[]
}

/** What a cumulative point has counted since its start. */
export type Total =
  | { readonly kind: 'sum'; readonly value: number }
  | { readonly kind: 'summary'; readonly count: number; readonly sum: number }
  | {
      readonly kind: 'histogram'
      readonly count: number
      readonly sum: number | null
      readonly buckets: readonly number[]
      readonly bounds: readonly number[]
    }
  | {
      readonly kind: 'exponential'
      readonly count: number
      readonly sum: number | null
      readonly scale: number
      readonly zeros: number
      readonly zeroThreshold: number
      readonly positive: Range
      readonly negative: Range
    }

export type TotalOf<K extends Total['kind']> = Extract<Total, { kind: K }>

export const sumTotal = (point: NumberDataPoint): TotalOf<'sum'> => ({ kind: 'sum', value: numberIn(point) })

export const summaryTotal = ({ count = 0n, sum = 0 }: SummaryDataPoint): TotalOf<'summary'> => ({
  kind: 'summary',
  count: Number(count),
  sum
})

/** Where there are buckets, it is they that count. */
export function histogramTotal({
  count = 0n,
  sum,
  bucketCounts = [],
  explicitBounds: bounds = []
}: HistogramDataPoint): TotalOf<'histogram'> {
  const buckets = bucketCounts.map(Number)
  return { kind: 'histogram', count: buckets.length === 0 ? Number(count) : inAll(buckets), sum: sum ?? null, buckets, bounds }
}

export function exponentialTotal(point: ExponentialHistogramDataPoint): TotalOf<'exponential'> {
  const { sum = null, scale = 0, zeroThreshold = 0 } = point
  const zeros = Number(point.zeroCount ?? 0n)
  const positive = rangeOf(point.positive)
  const negative = rangeOf(point.negative)
  const count = zeros + inAll(positive.counts) + inAll(negative.counts)
  return { kind: 'exponential', count, sum, scale, zeros, zeroThreshold, positive, negative }
}

function inAll(counts: readonly number[]): number {
  let all = 0
  for (const count of counts) all += count
  return all
}

/** Whether it can be sent: numbers that are some, and bounds that rise and fit the buckets. */
export function isSound(total: Total): boolean {
  if (total.kind === 'sum') return Number.isFinite(total.value)
  if (!Number.isSafeInteger(total.count) || (total.sum !== null && !Number.isFinite(total.sum))) return false
  if (total.kind !== 'histogram') return true
  const { buckets, bounds } = total
  if (buckets.length === 0 ? bounds.length > 0 : buckets.length !== bounds.length + 1) return false
  return bounds.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]))
}

export function numberIn({ asInt, asDouble }: NumberDataPoint): number {
  return asInt === undefined ? (asDouble ?? 0) : Number(asInt)
}

/**
 * What was counted between two totals. `reset`: the later one is less, so that it began anew; `changed`: they cannot be compared, though neither
 * began anew.
 */
export function difference(later: Total, earlier: Total): Total | 'reset' | 'changed' {
  if (later.kind === 'sum' && earlier.kind === 'sum')
    return later.value < earlier.value ? 'reset' : { kind: 'sum', value: later.value - earlier.value }
  if (later.kind === 'summary' && earlier.kind === 'summary')
    return later.count < earlier.count ? 'reset' : { ...later, count: later.count - earlier.count, sum: later.sum - earlier.sum }
  if (later.kind === 'histogram' && earlier.kind === 'histogram') return histogramDifference(later, earlier)
  if (later.kind === 'exponential' && earlier.kind === 'exponential') return exponentialDifference(later, earlier)
  return 'changed'
}

function histogramDifference(later: TotalOf<'histogram'>, earlier: TotalOf<'histogram'>): Total | 'reset' | 'changed' {
  if (later.buckets.length !== earlier.buckets.length || !later.bounds.every((bound, i) => bound === earlier.bounds[i])) return 'changed'
  if (later.count < earlier.count) return 'reset'
  const buckets = later.buckets.map((count, i) => count - earlier.buckets[i])
  if (buckets.some((count) => count < 0)) return 'reset'
  return { ...later, count: later.count - earlier.count, sum: sumDifference(later, earlier), buckets }
}

function exponentialDifference(later: TotalOf<'exponential'>, earlier: TotalOf<'exponential'>): Total | 'reset' | 'changed' {
  if (later.zeroThreshold !== earlier.zeroThreshold) return 'changed'
  const scale = Math.min(later.scale, earlier.scale)
  const positive = rangeDifference(coarser(later.positive, later.scale - scale), coarser(earlier.positive, earlier.scale - scale))
  const negative = rangeDifference(coarser(later.negative, later.scale - scale), coarser(earlier.negative, earlier.scale - scale))
  const zeros = later.zeros - earlier.zeros
  const count = later.count - earlier.count
  if (positive === null || negative === null || zeros < 0 || count < 0) return 'reset'
  return { ...later, scale, zeros, count, sum: sumDifference(later, earlier), positive, negative }
}

const sumDifference = (later: { sum: number | null }, earlier: { sum: number | null }): number | null =>
  later.sum === null || earlier.sum === null ? null : later.sum - earlier.sum

/** Both together; null where they cannot be added. */
export function together(a: Total, b: Total): Total | null {
  if (a.kind === 'sum' && b.kind === 'sum') return { kind: 'sum', value: a.value + b.value }
  if (a.kind === 'summary' && b.kind === 'summary') return { ...a, count: a.count + b.count, sum: a.sum + b.sum }
  if (a.kind === 'histogram' && b.kind === 'histogram') {
    if (a.buckets.length !== b.buckets.length || !a.bounds.every((bound, i) => bound === b.bounds[i])) return null
    return { ...a, count: a.count + b.count, sum: sumTogether(a, b), buckets: a.buckets.map((count, i) => count + b.buckets[i]) }
  }
  if (a.kind !== 'exponential' || b.kind !== 'exponential' || a.zeroThreshold !== b.zeroThreshold) return null
  const scale = Math.min(a.scale, b.scale)
  const positive = rangesTogether(coarser(a.positive, a.scale - scale), coarser(b.positive, b.scale - scale))
  const negative = rangesTogether(coarser(a.negative, a.scale - scale), coarser(b.negative, b.scale - scale))
  if (positive === null || negative === null) return null
  return { ...a, scale, count: a.count + b.count, sum: sumTogether(a, b), zeros: a.zeros + b.zeros, positive, negative }
}

const sumTogether = (a: { sum: number | null }, b: { sum: number | null }): number | null =>
  a.sum === null || b.sum === null ? null : a.sum + b.sum

// A scale that is lower by one joins neighbours: bucket i goes to floor(i / 2).
function coarser({ offset, counts }: Range, by: number): Range {
  if (by === 0 || counts.length === 0) return { offset, counts }
  const factor = 2 ** by
  const first = Math.floor(offset / factor)
  const joined = new Array<number>(Math.floor((offset + counts.length - 1) / factor) - first + 1).fill(0)
  for (let i = 0; i < counts.length; i++) joined[Math.floor((offset + i) / factor) - first] += counts[i]
  return { offset: first, counts: joined }
}

function rangeDifference(later: Range, earlier: Range): Range | null {
  const counts = [...later.counts]
  for (let i = 0; i < earlier.counts.length; i++) {
    if (earlier.counts[i] === 0) continue
    const at = earlier.offset + i - later.offset
    if (at < 0 || at >= counts.length || counts[at] < earlier.counts[i]) return null
    counts[at] -= earlier.counts[i]
  }
  return { offset: later.offset, counts }
}

// Null where they lie so far apart that nobody should hold what is between.
function rangesTogether(a: Range, b: Range): Range | null {
  if (a.counts.length === 0) return b
  if (b.counts.length === 0) return a
  const offset = Math.min(a.offset, b.offset)
  const length = Math.max(a.offset + a.counts.length, b.offset + b.counts.length) - offset
  if (length > RANGE_MAX) return null
  const counts = new Array<number>(length).fill(0)
  for (const each of [a, b]) for (let i = 0; i < each.counts.length; i++) counts[each.offset - offset + i] += each.counts[i]
  return { offset, counts }
}

const RANGE_MAX = 4096

function rangeOf({ offset = 0, bucketCounts = [] }: Buckets = {}): Range {
  return { offset, counts: bucketCounts.map(Number) }
}
