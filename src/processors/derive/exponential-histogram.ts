// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram: bucket i of scale s holds (base^i, base^(i+1)] with
// base = 2^(2^-s). Lowering the scale by one joins the buckets 2k and 2k + 1.
const BUCKETS_MAX = 160
const SCALE_MAX = 20
const EXEMPLARS = 16

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)

/** Durations in buckets that grow by a constant factor, as fine as their range allows with at most 160 of them. */
export class ExponentialHistogram {
  sum = 0
  zeros = 0
  scale = SCALE_MAX
  /** The lowest and highest bucket in use; none while low > high. */
  low = 0
  high = -1
  // Bucket i lies at i modulo the length, so that the range may grow at both ends without moving anything.
  private counts = new Float64Array(BUCKETS_MAX)

  /** Adds `count` spans of this duration that stand for `weight`. */
  add(seconds: number, count: number, weight: number): void {
    this.sum += seconds * weight
    if (seconds <= 0) {
      this.zeros += count
      return
    }
    let index = indexOf(seconds, this.scale)
    if (this.low > this.high) this.low = this.high = index
    else if (index < this.low || index > this.high) {
      while (Math.max(this.high, index) - Math.min(this.low, index) >= BUCKETS_MAX) {
        this.lowerScale()
        index >>= 1
      }
      this.low = Math.min(this.low, index)
      this.high = Math.max(this.high, index)
    }
    this.counts[placeOf(index)] += count
  }

  /** The counts from `low` to `high`. */
  buckets(): number[] {
    return Array.from({ length: this.high - this.low + 1 }, (_, i) => this.counts[placeOf(this.low + i)])
  }

  /** How many exemplars there may be: buckets come and go, so one for each of some powers of two. */
  get slots(): number {
    return EXEMPLARS
  }

  slotOf(seconds: number): number {
    return seconds <= 0 ? 0 : indexOf(seconds, 0) & (EXEMPLARS - 1)
  }

  private lowerScale(): void {
    const counts = new Float64Array(BUCKETS_MAX)
    for (let i = this.low; i <= this.high; i++) counts[placeOf(i >> 1)] += this.counts[placeOf(i)]
    this.counts = counts
    this.low >>= 1
    this.high >>= 1
    this.scale--
  }
}

function placeOf(index: number): number {
  const place = index % BUCKETS_MAX
  return place < 0 ? place + BUCKETS_MAX : place
}

// Powers of two are boundaries, and belong to the bucket below; no other boundary is a number that a double can hold. Durations are no
// subnormals: the shortest is a nanosecond.
function indexOf(value: number, scale: number): number {
  double[0] = value
  const exponent = ((words[1] >>> 20) & 0x7ff) - 1023
  const isPower = (words[1] & 0xfffff) === 0 && words[0] === 0
  if (scale <= 0) return (isPower ? exponent - 1 : exponent) >> -scale
  const factor = 2 ** scale
  if (isPower) return exponent * factor - 1
  words[1] = (words[1] & 0xfffff) | (1023 << 20) // value / 2^exponent, from 1 to 2
  return exponent * factor + Math.min(Math.floor(Math.log2(double[0]) * factor), factor - 1)
}
