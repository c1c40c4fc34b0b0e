const FIRST_BYTES = 64 * 1024

/** Writes msgpack, front to back: https://github.com/msgpack/msgpack/blob/master/spec.md. Numbers are written as what the reader expects, not as short as may be. */
export class MsgpackWriter {
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private length = 0

  /** What was written; a copy. */
  finish(): Buffer {
    const { length } = this
    this.length = 0
    return Buffer.from(this.bytes.subarray(0, length))
  }

  /** So many keys and values follow. */
  map(pairs: number): void {
    this.head(0x80, 15, 0xde, pairs)
  }

  /** So many values follow. */
  array(values: number): void {
    this.head(0x90, 15, 0xdc, values)
  }

  text(value: string): void {
    const size = Buffer.byteLength(value)
    if (size > 31 && size < 256) this.sized(0xd9, size)
    else this.head(0xa0, 31, 0xda, size)
    this.room(size)
    this.length += this.bytes.write(value, this.length, size, 'utf8')
  }

  binary(value: Uint8Array): void {
    const size = value.length
    if (size < 256) this.sized(0xc4, size)
    else this.head(0, -1, 0xc5, size)
    this.room(size)
    this.bytes.set(value, this.length)
    this.length += size
  }

  boolean(value: boolean): void {
    this.room(1)
    this.bytes[this.length++] = value ? 0xc3 : 0xc2
  }

  /** A whole number from 0 to 2^64. */
  unsigned(value: number | bigint): void {
    this.room(9)
    const { bytes } = this
    if (value < 128) bytes[this.length++] = Number(value)
    else if (value < 0x1_0000_0000) {
      bytes[this.length++] = 0xce
      this.length = bytes.writeUInt32BE(Number(value), this.length)
    } else {
      bytes[this.length++] = 0xcf
      this.length = bytes.writeBigUInt64BE(BigInt(value), this.length)
    }
  }

  /** The whole number that 16 hexadecimal digits stand for. */
  unsignedHex(digits: string): void {
    this.room(9)
    this.bytes[this.length++] = 0xcf
    this.length += this.bytes.write(digits, this.length, 8, 'hex')
  }

  double(value: number): void {
    this.room(9)
    this.bytes[this.length++] = 0xcb
    this.length = this.bytes.writeDoubleBE(value, this.length)
  }

  // Sizes up to `most` stand in the first byte, others in 16 or 32 bits behind it.
  private head(small: number, most: number, wide: number, size: number): void {
    this.room(5)
    const { bytes } = this
    if (size <= most) bytes[this.length++] = small | size
    else if (size < 0x1_0000) {
      bytes[this.length++] = wide
      this.length = bytes.writeUInt16BE(size, this.length)
    } else {
      bytes[this.length++] = wide + 1
      this.length = bytes.writeUInt32BE(size, this.length)
    }
  }

  private sized(tag: number, size: number): void {
    this.room(2)
    this.bytes[this.length++] = tag
    this.bytes[this.length++] = size
  }

  private room(size: number): void {
    if (this.bytes.length - this.length >= size) return
    const wider = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.length + size))
    this.bytes.copy(wider, 0, 0, this.length)
    this.bytes = wider
  }
}
