import { varintSize, writeVarint } from './wire.ts'

/** Room for a tag and any scalar of fixed size, or a tag and a length. */
export const FIELD_BYTES_MAX = 32

const SCRATCH_BYTES_MIN = 64 * 1024
const SCRATCH_BYTES_MAX = 1024 * 1024

/**
 * Writes one protobuf message after the other, front to back, for readers that do not know the length of what they read. Reserve first, with
 * `reserve`; the other calls do not look. Keeps its memory from message to message, up to a megabyte.
 */
export class MessageWriter {
  bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
  length = 0

  /** Begins a message. */
  open(): void {
    this.length = 0
  }

  /** Ends it: a copy of its bytes. */
  close(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.length))
  }

  /** Lets go of the memory that an unusually large message took. */
  release(): void {
    if (this.bytes.length > SCRATCH_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
  }

  reserve(size: number): void {
    if (this.bytes.length - this.length >= size) return
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + size))
    this.bytes.copy(bytes, 0, 0, this.length)
    this.bytes = bytes
  }

  varint(value: number): void {
    this.length = writeVarint(this.bytes, this.length, value)
  }

  /** A varint of 64 bits, in two unsigned halves. */
  varint64(low: number, high: number): void {
    const { bytes } = this
    let at = this.length
    while (high !== 0) {
      bytes[at++] = (low & 127) | 128
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    while (low > 127) {
      bytes[at++] = (low & 127) | 128
      low >>>= 7
    }
    bytes[at++] = low
    this.length = at
  }

  fixed32(value: number): void {
    const { bytes } = this
    const at = this.length
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
    this.length = at + 4
  }

  double(value: number): void {
    this.length = this.bytes.writeDoubleLE(value, this.length)
  }

  /** Copies what lies between `start` and `end`. */
  copy(from: Buffer, start: number, end: number): void {
    const { bytes } = this
    let at = this.length
    // Below some forty bytes a loop is faster than the call.
    if (end - start > 40) at += from.copy(bytes, at, start, end)
    else for (let i = start; i < end; i++) bytes[at++] = from[i]
    this.length = at
  }

  /** Begins a length-delimited field and returns what `closeLength` wants. */
  openLength(tag: number): number {
    this.reserve(FIELD_BYTES_MAX)
    this.varint(tag)
    return ++this.length
  }

  /** Ends it: most contents are shorter than 128 bytes and find their length's one byte in place, longer ones move on. */
  closeLength(start: number): void {
    const size = this.length - start
    if (size < 128) {
      this.bytes[start - 1] = size
      return
    }
    const more = varintSize(size) - 1
    this.reserve(more)
    this.bytes.copyWithin(start + more, start, this.length)
    writeVarint(this.bytes, start - 1, size)
    this.length += more
  }
}
