const DIGITS = 14

// The value of each byte as a lowercase hex digit, or -1.
const DIGIT_VALUES = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) DIGIT_VALUES[value.toString(16).charCodeAt(0)] = value

/** 56 bits, in two halves of 28 because a JavaScript number compares no more than 53 exactly. `high` is -1 where there is no value. */
export class Bits56 {
  high = -1
  low = 0

  clear(): void {
    this.high = -1
  }

  set(high: number, low: number): this {
    this.high = high
    this.low = low
    return this
  }

  isAbsent(): boolean {
    return this.high < 0
  }

  isBelow(other: Bits56): boolean {
    return this.high < other.high || (this.high === other.high && this.low < other.low)
  }

  equals(other: Bits56): boolean {
    return this.high === other.high && this.low === other.low
  }

  /** Reads 1 to 14 lowercase hex digits, the missing ones being zeros at the end. False, and no value, where they are anything else. */
  readHex(bytes: Uint8Array, start: number, end: number): boolean {
    this.high = -1
    const length = end - start
    if (length < 1 || length > DIGITS) return false
    let high = 0
    let low = 0
    for (let i = 0; i < DIGITS; i++) {
      const digit = i < length ? DIGIT_VALUES[bytes[start + i]] : 0
      if (digit < 0) return false
      if (i < 7) high = (high << 4) | digit
      else low = (low << 4) | digit
    }
    this.high = high
    this.low = low
    return true
  }

  /** All 14 digits. */
  hex(): string {
    return this.high.toString(16).padStart(7, '0') + this.low.toString(16).padStart(7, '0')
  }
}
