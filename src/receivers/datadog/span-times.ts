import type { SpanFields } from './span-fields.ts'

/** The upper half of nanoseconds at the beginning of 2000: who says that it is earlier has no clock, as the Agent sees it. */
const HIGH_OF_2000 = 220_417
const NEGATIVE = 0x8000_0000
const LOW_MASK = 0xffff_ffffn
const NS_PER_MS = 1_000_000n

/** When a span began and ended, in nanoseconds since 1970, as two unsigned halves each. */
export class SpanTimes {
  startHigh = 0
  startLow = 0
  endHigh = 0
  endLow = 0

  /** A span that began when none could has ended when it came. */
  read({ start, duration }: SpanFields, receivedAtMs: number): this {
    const lasts = duration.high < NEGATIVE
    if (start.high >= HIGH_OF_2000 && start.high < NEGATIVE) this.begin(start.high, start.low)
    else {
      const lasted = lasts ? (BigInt(duration.high) << 32n) | BigInt(duration.low) : 0n
      const nanos = BigInt(Math.floor(receivedAtMs)) * NS_PER_MS - lasted
      if (nanos > 0n) this.begin(Number(nanos >> 32n), Number(nanos & LOW_MASK))
      else this.begin(0, 0)
    }
    const low = this.startLow + (lasts ? duration.low : 0)
    this.endHigh = this.startHigh + (lasts ? duration.high : 0) + (low > 0xffff_ffff ? 1 : 0)
    this.endLow = low >>> 0
    return this
  }

  private begin(high: number, low: number): void {
    this.startHigh = high
    this.startLow = low
  }
}
