import fc from 'fast-check'

/**
 * The choices of one case: random bytes, consumed by whoever builds something from them. Past its end a tape says 0, which is always the plainest
 * choice, so that fast-check's shrinking of the bytes shrinks what is built.
 */
export class Tape {
  private readonly bytes: Uint8Array
  private pos = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  byte(): number {
    return this.pos < this.bytes.length ? this.bytes[this.pos++] : 0
  }

  /** From 0 to `count` - 1; `count` is at most 2^16. */
  below(count: number): number {
    return count > 256 ? (this.byte() * 256 + this.byte()) % count : this.byte() % count
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.byte() % count === count - 1
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  take(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.byte()))
  }
}

const TAPE_BYTES_MAX = 1600

/** Tapes for fast-check, as words because a quarter as many numbers are a quarter of the work. */
export const tapeWords = fc.uint32Array({ maxLength: TAPE_BYTES_MAX / 4, size: 'max' })

export const tapeOf = (words: Uint32Array): Tape => new Tape(new Uint8Array(words.buffer, words.byteOffset, words.byteLength))
