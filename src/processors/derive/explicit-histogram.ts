/** Upper bounds of buckets, ascending, and where to begin to look: by the leading zeros of a duration's microseconds, the first bucket it may be in. */
export class Bounds {
  readonly bounds: Float64Array
  readonly firsts = new Uint16Array(33)

  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds)
    for (let zeros = 0; zeros < 32; zeros++) {
      // Below the least that has so many zeros, even after rounding. What is longer than an hour wraps around and may look at more
      // buckets than it must.
      const least = (2 ** (31 - zeros) / 1e6) * (1 - 1e-9)
      this.firsts[zeros] = bounds.findLastIndex((bound) => bound < least) + 1
    }
  }
}

/** Durations in buckets of given upper bounds, inclusive; the last bucket has none. */
export class ExplicitHistogram {
  sum = 0
  readonly bounds: Float64Array
  readonly counts: Float64Array

  private readonly firsts: Uint16Array

  constructor({ bounds, firsts }: Bounds) {
    this.bounds = bounds
    this.firsts = firsts
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
    let bucket = this.firsts[Math.clz32(seconds * 1e6)]
    while (bucket < bounds.length && seconds > bounds[bucket]) bucket++
    return bucket
  }
}
