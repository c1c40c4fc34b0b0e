/** Durations in buckets of given upper bounds, inclusive; the last bucket has none. */
export class ExplicitHistogram {
  sum = 0
  readonly bounds: readonly number[]
  readonly counts: Float64Array

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  /** Adds `count` spans of this duration that stand for `weight`. Returns the bucket. */
  add(seconds: number, count: number, weight: number): number {
    const bucket = this.slotOf(seconds)
    this.counts[bucket] += count
    this.sum += seconds * weight
    return bucket
  }

  /** How many exemplars there may be: one a bucket. */
  get slots(): number {
    return this.counts.length
  }

  slotOf(seconds: number): number {
    const { bounds } = this
    let bucket = 0
    while (bucket < bounds.length && seconds > bounds[bucket]) bucket++
    return bucket
  }
}
