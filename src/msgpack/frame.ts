/** Bytes that are no msgpack, or none that is taken here. The message never quotes them. */
export class MsgpackFault extends Error {}

/** Bytes that may well be msgpack, and are more than are taken. */
export class MsgpackTooLarge extends MsgpackFault {}

/**
 * Finds the end of one msgpack value in bytes that are still coming, without looking at any of them twice: https://github.com/msgpack/msgpack/blob/master/spec.md.
 * A value is a first byte that tells its kind, for long ones a size, and its content; arrays and maps are followed by their values. Since every
 * value has a byte, what cannot fit into `bytesMax` is seen when its size comes, not when its content does.
 */
export class MsgpackFrame {
  /** Bytes of the value up to now; all of them when `scan` has returned true. */
  size = 0
  bytesMax: number
  private missing = 1

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Looks for the next value. */
  reset(): void {
    this.size = 0
    this.missing = 1
  }

  /** Goes on with the value that begins at `start`; what is there ends at `end`. Throws MsgpackFault where it is larger than it may be. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + this.size
    while (this.missing > 0 && at < end) {
      const kind = KINDS[bytes[at]]
      const sizeBytes = kind & 7
      if (at + 1 + sizeBytes > end) break
      const count = sizeBytes === 0 ? INLINE[bytes[at]] : readBig(bytes, at + 1, sizeBytes)
      at += 1 + sizeBytes
      this.missing--
      if ((kind & CONTENT) !== 0) at += count + ((kind & EXTENSION) !== 0 ? 1 : 0)
      else if ((kind & ITEMS) !== 0) this.missing += count
      else if ((kind & PAIRS) !== 0) this.missing += 2 * count
      else if ((kind & NEVER) !== 0) throw new MsgpackFault('a byte that msgpack does not use')
      if (at - start + this.missing > this.bytesMax) throw new MsgpackTooLarge(`a message of more than ${this.bytesMax} bytes`)
    }
    this.size = at - start
    return this.missing === 0 && at <= end
  }
}

/** A kind: the bytes of its size in the low three bits, and what the size counts. */
const CONTENT = 8
const EXTENSION = 16
const ITEMS = 32
const PAIRS = 64
const NEVER = 128

const KINDS = new Uint8Array(256)
/** What a first byte says of the size where no more bytes do. */
const INLINE = new Uint8Array(256)

function declare(from: number, to: number, kind: number, inline: (byte: number) => number): void {
  for (let byte = from; byte <= to; byte++) {
    KINDS[byte] = kind
    INLINE[byte] = inline(byte)
  }
}
function sized(from: number, sizes: readonly number[], kind: number): void {
  for (const [index, size] of sizes.entries()) declare(from + index, from + index, kind | size, () => 0)
}
function fixed(from: number, sizes: readonly number[], kind: number): void {
  for (const [index, size] of sizes.entries()) declare(from + index, from + index, kind, () => size)
}

declare(0x80, 0x8f, PAIRS, (byte) => byte & 15)
declare(0x90, 0x9f, ITEMS, (byte) => byte & 15)
declare(0xa0, 0xbf, CONTENT, (byte) => byte & 31)
declare(0xc1, 0xc1, NEVER, () => 0)
sized(0xc4, [1, 2, 4], CONTENT)
sized(0xc7, [1, 2, 4], CONTENT | EXTENSION)
fixed(0xca, [4, 8, 1, 2, 4, 8, 1, 2, 4, 8], CONTENT)
fixed(0xd4, [1, 2, 4, 8, 16], CONTENT | EXTENSION)
sized(0xd9, [1, 2, 4], CONTENT)
sized(0xdc, [2, 4], ITEMS)
sized(0xde, [2, 4], PAIRS)

export function readBig(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) value = value * 256 + bytes[at + i]
  return value
}
