// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram: bucket i of scale s holds values in (base^i, base^(i+1)] with
// base = 2^(2^-s). One scale less joins buckets 2k and 2k + 1.
const BUCKETS_MAX = 160
const SCALE_MAX = 20
const BUCKETS_AT_FIRST = 8
/** What is closer to zero has no exponent of its own. */
const NORMAL_MIN = 2 ** -1022
const ROUNDING = 1e-9

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)

/** Values of one sign, by the bucket that their magnitude falls into. */
export class Side {
  /** The lowest and the highest bucket in use; none while low > high. */
  low = 0
  high = -1
  private counts = new Float64Array(BUCKETS_AT_FIRST)

  get isEmpty(): boolean {
    return this.low > this.high
  }

  /** By how many scales buckets must be joined until this one fits in. */
  excess(index: number): number {
    if (this.isEmpty) return 0
    let low = Math.min(this.low, index)
    let high = Math.max(this.high, index)
    let scales = 0
    while (high - low >= BUCKETS_MAX) {
      low >>= 1
      high >>= 1
      scales++
    }
    return scales
  }

  add(index: number, count: number): void {
    if (this.isEmpty) this.low = this.high = index
    else if (index < this.low || index > this.high) this.stretch(Math.min(this.low, index), Math.max(this.high, index))
    this.counts[index - this.low] += count
  }

  join(scales: number): void {
    if (this.isEmpty) return
    const low = this.low >> scales
    const counts = new Float64Array(this.counts.length)
    for (let i = this.low; i <= this.high; i++) counts[(i >> scales) - low] += this.counts[i - this.low]
    this.counts = counts
    this.low = low
    this.high >>= scales
  }

  /** The counts from `low` to `high`. */
  buckets(): number[] {
    return Array.from(this.counts.subarray(0, this.high - this.low + 1))
  }

  private stretch(low: number, high: number): void {
    const wanted = high - low + 1
    const counts =
      wanted > this.counts.length || low < this.low ? new Float64Array(Math.min(BUCKETS_MAX, Math.max(2 * wanted, BUCKETS_AT_FIRST))) : null
    if (counts !== null) {
      counts.set(this.counts.subarray(0, this.high - this.low + 1), this.low - low)
      this.counts = counts
    }
    this.low = low
    this.high = high
  }
}

/** Values in buckets that grow by a constant factor, as fine as their range allows with at most 160 of them on each side of zero. */
export class ValueHistogram {
  count = 0
  sum = 0
  zeros = 0
  scale = SCALE_MAX
  readonly positive = new Side()
  readonly negative = new Side()
  // Counts are whole, but a sampled value may stand for a fraction: what is left of one waits here for the next.
  private carry = 0

  /** Adds a value of those of which only the share `rate` was sent. False where the sum would be no number any more: then nothing is added. */
  add(value: number, rate: number): boolean {
    const sum = this.sum + value / rate
    if (!Number.isFinite(sum)) return false
    this.sum = sum
    const due = this.carry + 1 / rate
    const count = Math.floor(due + ROUNDING)
    this.carry = due - count
    this.count += count
    const magnitude = Math.abs(value)
    if (magnitude < NORMAL_MIN) {
      this.zeros += count
      return true
    }
    const side = value > 0 ? this.positive : this.negative
    let index = indexOf(magnitude, this.scale)
    const scales = side.excess(index)
    if (scales > 0) {
      this.positive.join(scales)
      this.negative.join(scales)
      this.scale -= scales
      index >>= scales
    }
    side.add(index, count)
    return true
  }
}

// The exponent of a power of two is the upper border of its bucket; all other borders are irrational, so how they are rounded is of no account.
function indexOf(value: number, scale: number): number {
  double[0] = value
  const exponent = ((words[1] >>> 20) & 0x7ff) - 1023
  const isPower = (words[1] & 0xfffff) === 0 && words[0] === 0
  if (scale <= 0) return (isPower ? exponent - 1 : exponent) >> -scale
  const perPower = 2 ** scale
  if (isPower) return exponent * perPower - 1
  words[1] = (words[1] & 0xfffff) | (1023 << 20) // the value between 1 and 2
  return exponent * perPower + Math.min(Math.floor(Math.log2(double[0]) * perPower), perPower - 1)
}
