import { bucketOf, type Exemplar } from './exemplars.ts'
import type { Family, Series } from './series.ts'
import { type HistogramValue, type Octaves, OctavesValue, type Value } from './values.ts'

/** A histogram as a page shows it: `counts[i]` values are not above `bounds[i]`; `count` is all of them, the +Inf bucket. */
export interface Shown {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly count: number
  /** NaN: none. */
  readonly sum: number
  /** One per bucket at most, the latest; the last place is +Inf. */
  readonly exemplars: readonly (Exemplar | undefined)[]
}

/** Bounds of one family's exponential histograms, at most. Beyond, every second power of two is left out, then three of four, and so on. */
const BOUNDS_MAX = 80

/** What the exponential histograms of a family have between them, so that all of them are shown with the same bounds and can be added up. */
export class OctaveRange {
  private positiveLow = Number.POSITIVE_INFINITY
  private positiveHigh = Number.NEGATIVE_INFINITY
  private negativeLow = Number.POSITIVE_INFINITY
  private negativeHigh = Number.NEGATIVE_INFINITY
  private hasZero = false

  constructor(family: Family) {
    for (const { streams, departed } of family.series.values()) {
      for (const { value } of streams) this.cover(value)
      if (departed !== null) this.cover(departed)
    }
  }

  private cover(value: Value): void {
    if (!(value instanceof OctavesValue)) return
    const { positive, negative, zeroCount } = value
    if (zeroCount > 0) this.hasZero = true
    if (positive.counts.length > 0) {
      this.positiveLow = Math.min(this.positiveLow, positive.low)
      this.positiveHigh = Math.max(this.positiveHigh, positive.high)
    }
    if (negative.counts.length > 0) {
      this.negativeLow = Math.min(this.negativeLow, negative.low)
      this.negativeHigh = Math.max(this.negativeHigh, negative.high)
    }
  }

  /** Bounds and cumulative counts of one histogram of the family. */
  show({ positive, negative, zeroCount }: OctavesValue): { bounds: number[]; counts: number[] } {
    const bounds: number[] = []
    const counts: number[] = []
    const positives = exponents(this.positiveLow, this.positiveHigh)
    const negatives = exponents(this.negativeLow, this.negativeHigh)
    for (const exponent of negatives.reverse()) {
      bounds.push(-(2 ** exponent))
      counts.push(countFrom(negative, exponent))
    }
    const belowZero = negative.count + zeroCount
    if (this.hasZero || negatives.length > 0) {
      bounds.push(0)
      counts.push(belowZero)
    }
    for (const exponent of positives) {
      bounds.push(2 ** exponent)
      counts.push(belowZero + countUpTo(positive, exponent))
    }
    // Beyond 2^53 sums are rounded, each in its own way.
    for (let i = 1; i < counts.length; i++) counts[i] = Math.max(counts[i], counts[i - 1])
    return { bounds, counts }
  }
}

function exponents(low: number, high: number): number[] {
  const found: number[] = []
  if (low > high) return found
  let step = 1
  while ((high + 1 - low) / step >= BOUNDS_MAX) step *= 2
  for (let exponent = Math.ceil(low / step) * step; exponent < high + 1 + step; exponent += step) if (exponent < 1024) found.push(exponent)
  return found
}

function countUpTo({ low, counts }: Octaves, exponent: number): number {
  let count = 0
  for (let i = 0; i < counts.length && low + i < exponent; i++) count += counts[i]
  return count
}

function countFrom({ low, counts }: Octaves, exponent: number): number {
  let count = 0
  for (let i = 0; i < counts.length; i++) if (low + i >= exponent) count += counts[i]
  return count
}

/** One series of a histogram family. */
export function showHistogram(value: HistogramValue | OctavesValue, { streams }: Series, range: OctaveRange | null): Shown {
  if (value instanceof OctavesValue) {
    const { bounds, counts } = (range as OctaveRange).show(value)
    return { bounds, counts, count: Math.max(value.count, counts.at(-1) ?? 0), sum: value.sum, exemplars: placed(streams, bounds) }
  }
  const counts: number[] = []
  let count = 0
  for (let i = 0; i < value.counts.length; i++) {
    count += value.counts[i]
    counts.push(count)
  }
  counts.length = value.bounds.length
  return { bounds: value.bounds, counts, count, sum: value.sum, exemplars: placed(streams, value.bounds) }
}

function placed(streams: Series['streams'], bounds: readonly number[]): (Exemplar | undefined)[] {
  const places: (Exemplar | undefined)[] = []
  for (const { exemplars } of streams) {
    if (exemplars === null) continue
    for (const exemplar of exemplars.values()) {
      const bucket = bucketOf(exemplar.value, bounds)
      const other = places[bucket]
      if (other === undefined || other.timeNs < exemplar.timeNs) places[bucket] = exemplar
    }
  }
  return places
}
