// What one source has said of one series so far, one class per shape of point. `replace` takes a cumulative point, `add` a delta, `merge` the
// value of another source of the same series; `total` only grows until the source starts anew.
import type { Buckets, Point, Shape } from './point.ts'

export type Value = NumberValue | HistogramValue | OctavesValue | SummaryValue

export function newValue(shape: Shape): Value {
  if (shape === 'number') return new NumberValue()
  if (shape === 'histogram') return new HistogramValue()
  return shape === 'exponential' ? new OctavesValue() : new SummaryValue()
}

export class NumberValue {
  value = 0

  get total(): number {
    return this.value
  }
  totalOf(point: Point): number {
    return point.value
  }
  replace(point: Point): void {
    this.value = point.value
  }
  add(point: Point): void {
    this.value += point.value
  }
  merge(other: NumberValue): void {
    this.value += other.value
  }
}

/** Explicit buckets: `counts[i]` values lie in (bounds[i - 1], bounds[i]]. Sources with other bounds meet in the bounds that they share. */
export class HistogramValue {
  bounds: readonly number[] = []
  counts: number[] = []
  /** NaN: none. */
  sum = 0
  private empty = true

  get count(): number {
    let count = 0
    for (let i = 0; i < this.counts.length; i++) count += this.counts[i]
    return count
  }
  get total(): number {
    return this.count
  }
  totalOf(point: Point): number {
    if (point.counts.length === 0) return point.count
    let count = 0
    for (let i = 0; i < point.counts.length; i++) count += point.counts[i]
    return count
  }

  replace(point: Point): void {
    const { counts } = point
    this.sum = point.sum
    if (this.empty || !sameNumbers(this.bounds, boundsOf(point))) {
      this.bounds = shared(boundsOf(point))
      this.counts = countsOf(point)
      this.empty = false
    } else if (counts.length === 0) this.counts[0] = point.count
    else for (let i = 0; i < counts.length; i++) this.counts[i] = counts[i]
  }

  add(point: Point): void {
    if (this.empty) this.replace(point)
    else this.addBuckets(boundsOf(point), countsOf(point), point.sum)
  }

  merge(other: HistogramValue): void {
    if (!this.empty) {
      this.addBuckets(other.bounds, other.counts, other.sum)
      return
    }
    this.bounds = other.bounds
    this.counts = other.counts.slice()
    this.sum = other.sum
    this.empty = other.empty
  }

  private addBuckets(bounds: readonly number[], counts: readonly number[], sum: number): void {
    this.sum += sum
    if (sameNumbers(this.bounds, bounds)) {
      for (let i = 0; i < counts.length; i++) this.counts[i] += counts[i]
      return
    }
    const common = this.bounds.filter((bound) => bounds.includes(bound))
    this.counts = regroup(this.bounds, this.counts, common)
    const others = regroup(bounds, counts, common)
    for (let i = 0; i < others.length; i++) this.counts[i] += others[i]
    this.bounds = common
  }
}

// The series of one metric mostly have the same bounds, so they have one array of them.
let lastBounds: readonly number[] = []

function shared(bounds: readonly number[]): readonly number[] {
  if (!sameNumbers(lastBounds, bounds)) lastBounds = bounds.slice()
  return lastBounds
}

const NONE: readonly number[] = []
const boundsOf = (point: Point): readonly number[] => (point.counts.length === 0 ? NONE : point.bounds)
const countsOf = (point: Point): number[] => (point.counts.length === 0 ? [point.count] : point.counts.slice())

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function regroup(bounds: readonly number[], counts: readonly number[], common: readonly number[]): number[] {
  const out: number[] = new Array(common.length + 1).fill(0)
  let to = 0
  for (let i = 0; i < counts.length; i++) {
    out[to] += counts[i]
    if (bounds[i] === common[to]) to++
  }
  return out
}

/** Exponents of two that doubles know: the smallest is 2^-1074, the largest below 2^1024. */
const OCTAVE_MIN = -1074
const OCTAVE_MAX = 1023
/** Octaves that one side of a histogram keeps: nanoseconds to the age of the universe need 89. */
const OCTAVES_MAX = 128

/** Counts by octave: `counts[i]` values have a magnitude in (2^(low+i), 2^(low+i+1)]. */
export class Octaves {
  low = 0
  counts: number[] = []

  get high(): number {
    return this.low + this.counts.length - 1
  }
  get count(): number {
    let count = 0
    for (const n of this.counts) count += n
    return count
  }

  add(octave: number, count: number): void {
    if (count === 0) return
    let at = Math.min(Math.max(octave, OCTAVE_MIN), OCTAVE_MAX)
    if (this.counts.length === 0) this.low = at
    at = Math.max(at, this.high - OCTAVES_MAX + 1)
    while (at < this.low) {
      this.counts.unshift(0)
      this.low--
    }
    while (at > this.high) this.counts.push(0)
    this.counts[at - this.low] += count
    while (this.counts.length > OCTAVES_MAX) {
      const lowest = this.counts.shift() as number
      this.counts[0] += lowest
      this.low++
    }
  }

  addBuckets({ offset, counts }: Buckets, scale: number): void {
    // A bucket of scale 0 or finer lies within one octave. A coarser one spans several and is counted in the highest of them.
    const per = 2 ** Math.min(Math.abs(scale), 60)
    for (let i = 0; i < counts.length; i++) {
      this.add(scale >= 0 ? Math.floor((offset + i) / per) : (offset + i + 1) * per - 1, counts[i])
    }
  }

  addAll(other: Octaves): void {
    for (let i = 0; i < other.counts.length; i++) this.add(other.low + i, other.counts[i])
  }
}

/**
 * An exponential histogram, kept by octaves: powers of two are bucket bounds at every scale from 0 up, so counts at them are exact, stay exact
 * when a source lowers its scale, and are the same bounds for all sources, which a page of explicit buckets needs.
 */
export class OctavesValue {
  positive = new Octaves()
  negative = new Octaves()
  zeroCount = 0
  count = 0
  /** NaN: none. */
  sum = 0

  get total(): number {
    return this.count
  }
  totalOf(point: Point): number {
    return countOf(point)
  }
  replace(point: Point): void {
    this.positive = new Octaves()
    this.negative = new Octaves()
    this.zeroCount = 0
    this.count = 0
    this.sum = 0
    this.add(point)
  }
  add(point: Point): void {
    this.positive.addBuckets(point.positive, point.scale)
    this.negative.addBuckets(point.negative, point.scale)
    this.zeroCount += point.zeroCount
    this.count += countOf(point)
    this.sum += point.sum
  }
  merge(other: OctavesValue): void {
    this.positive.addAll(other.positive)
    this.negative.addAll(other.negative)
    this.zeroCount += other.zeroCount
    this.count += other.count
    this.sum += other.sum
  }
}

// Values that are in no bucket, as NaN, are counted; values in buckets are never more than the count.
function countOf(point: Point): number {
  let count = point.zeroCount
  for (const n of point.positive.counts) count += n
  for (const n of point.negative.counts) count += n
  return Math.max(count, point.count)
}

export class SummaryValue {
  quantiles: readonly (readonly [quantile: number, value: number])[] = []
  count = 0
  sum = 0

  get total(): number {
    return this.count
  }
  totalOf(point: Point): number {
    return point.count
  }
  replace(point: Point): void {
    const values = new Map(point.quantiles.map((quantile, i) => [quantile, point.quantileValues[i]]))
    this.quantiles = [...values].sort(([a], [b]) => a - b)
    this.count = point.count
    this.sum = point.sum
  }
  add(point: Point): void {
    this.replace(point)
  }
  merge(other: SummaryValue): void {
    this.quantiles = other.quantiles
    this.count = other.count
    this.sum = other.sum
  }
}

/** Why a point cannot be shown, or an empty text. */
export function faultOf(point: Point, { shape, type }: { shape: Shape; type: string }): '' | 'invalid' | 'too_many_buckets' {
  if (shape === 'number') return type === 'counter' && !(point.value >= 0) ? 'invalid' : ''
  if (point.tooLarge) return 'too_many_buckets'
  if (shape === 'histogram') {
    const { counts, bounds } = point
    if (counts.length === 0) return ''
    if (counts.length !== bounds.length + 1) return 'invalid'
    for (let i = 0; i < bounds.length; i++) if (!Number.isFinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1])) return 'invalid'
  } else if (shape === 'summary') {
    for (const quantile of point.quantiles) if (!(quantile >= 0 && quantile <= 1)) return 'invalid'
  }
  return ''
}
