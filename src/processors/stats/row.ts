import { binOf } from '../../datadog/statistics.ts'
import type { Key } from './keys.ts'
import type { Period } from './period.ts'

const BINS_FIRST = 16

/** What was counted under one key in one period. Durations are kept as a sketch: how many fell into each bin. */
export class Row {
  readonly key: Key
  readonly period: Period
  hits = 0
  /** Of durations, in nanoseconds. */
  sum = 0
  min = Number.POSITIVE_INFINITY
  max = 0
  /** Durations of 0. */
  zeros = 0
  /** The bin of bins[0]. */
  offset = 0
  bins = new Float64Array(0)

  constructor(key: Key, period: Period) {
    this.key = key
    this.period = period
  }

  /** Adds a span that stands for `weight` spans. */
  add(nanos: number, weight: number): void {
    this.hits += weight
    this.sum += nanos * weight
    if (nanos < this.min) this.min = nanos
    if (nanos > this.max) this.max = nanos
    if (nanos < 1) {
      this.zeros += weight
      return
    }
    const bin = binOf(nanos)
    let at = bin - this.offset
    if (at < 0 || at >= this.bins.length) {
      this.makeRoom(bin)
      at = bin - this.offset
    }
    this.bins[at] += weight
  }

  // A duration is below 2^64 ns, so there are never more than some 2,300 bins.
  private makeRoom(bin: number): void {
    const { bins, offset } = this
    if (bins.length === 0) {
      this.bins = new Float64Array(BINS_FIRST)
      this.offset = bin - BINS_FIRST / 2
      return
    }
    const more = bins.length >> 1
    const start = bin < offset ? bin - more : offset
    const end = bin < offset ? offset + bins.length : bin + 1 + more
    const wider = new Float64Array(end - start)
    wider.set(bins, offset - start)
    this.bins = wider
    this.offset = start
  }
}
