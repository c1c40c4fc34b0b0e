// The protobuf wire format, read and written in place: https://protobuf.dev/programming-guides/encoding/
// A message is a run of fields; a field is a tag (number << 3 | wire type, as a varint) and its value.

export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2 // length-delimited: strings, bytes, messages, packed scalars
export const FIXED32 = 5

/** Bytes that are not what they claim to be. The message says where, by offset, and what was expected; it never quotes the bytes. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/**
 * Reads the fields of one message, without an object per field: after `next()` returned true, `number`, `type`, `start` and `end` describe the
 * field, and `low` and `high` hold the value of a varint. For length-delimited fields `start` and `end` enclose the content, for the others
 * the value itself; `tagStart` is where the field as a whole begins. Throws WireError on anything a protobuf decoder would refuse: a
 * truncated value, a length past the end, a group, field number 0, a varint of more than 10 bytes.
 */
export class Fields {
  bytes: Uint8Array = new Uint8Array(0)
  number = 0
  type = 0
  tagStart = 0
  start = 0
  end = 0
  /** The low and high 32 bits of a varint, each unsigned. */
  low = 0
  high = 0
  private pos = 0
  private stop = 0

  open(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.pos = start
    this.stop = end
    return this
  }

  next(): boolean {
    const { bytes, stop } = this
    let pos = this.pos
    if (pos >= stop) return false
    this.tagStart = pos
    let tag = bytes[pos++]
    if (tag > 127) {
      this.readVarint(pos - 1)
      if (this.high !== 0) throw new WireError(`offset ${pos - 1}: field number out of range`)
      tag = this.low
      pos = this.pos
    }
    const number = tag >>> 3
    if (number === 0) throw new WireError(`offset ${this.tagStart}: field number 0, expected 1 or more`)
    this.number = number
    const type = tag & 7
    this.type = type
    switch (type) {
      case BYTES: {
        if (pos >= stop) throw truncated(this.tagStart)
        let length = bytes[pos++]
        if (length > 127) {
          this.readVarint(pos - 1)
          if (this.high !== 0) throw new WireError(`offset ${pos - 1}: length runs past the end of its message`)
          length = this.low
          pos = this.pos
        }
        this.start = pos
        pos += length
        if (pos > stop) throw new WireError(`offset ${this.start}: length ${length} runs past the end of its message at ${stop}`)
        break
      }
      case VARINT: {
        this.start = pos
        if (pos >= stop) throw truncated(this.tagStart)
        const first = bytes[pos]
        if (first < 128) {
          this.low = first
          this.high = 0
          pos++
        } else {
          this.readVarint(pos)
          pos = this.pos
        }
        break
      }
      case FIXED64:
        this.start = pos
        pos += 8
        if (pos > stop) throw truncated(this.tagStart)
        break
      case FIXED32:
        this.start = pos
        pos += 4
        if (pos > stop) throw truncated(this.tagStart)
        break
      case 3:
      case 4:
        throw new WireError(`offset ${this.tagStart}: field ${number} is a group, which OTLP does not use`)
      default:
        throw new WireError(`offset ${this.tagStart}: field ${number} has wire type ${type}, which does not exist`)
    }
    this.end = pos
    this.pos = pos
    return true
  }

  /** The varint of this field as a number; exact up to 2^53. */
  uint(): number {
    return this.high * 0x1_0000_0000 + this.low
  }

  // Reads the varint at `at` into low and high and leaves pos behind it.
  private readVarint(at: number): void {
    const { bytes, stop } = this
    let low = 0
    let high = 0
    for (let i = 0; i < 10; i++) {
      const pos = at + i
      if (pos >= stop) throw truncated(at)
      const byte = bytes[pos]
      const bits = byte & 127
      if (i < 4) low |= bits << (7 * i)
      else if (i === 4) {
        low |= bits << 28
        high |= bits >>> 4
      } else if (i < 9) high |= bits << (7 * i - 32)
      else if (byte > 1) break
      else high |= bits << 31
      if (byte < 128) {
        this.low = low >>> 0
        this.high = high >>> 0
        this.pos = pos + 1
        return
      }
    }
    throw new WireError(`offset ${at}: varint is longer than 64 bits`)
  }
}

function truncated(at: number): WireError {
  return new WireError(`offset ${at}: truncated field`)
}

/** How many bytes `value` takes as a varint. `value` is an integer from 0 to 2^53. */
export function varintSize(value: number): number {
  let size = 1
  while (value >= 128) {
    value = Math.floor(value / 128)
    size++
  }
  return size
}

/** Writes `value` (0 to 2^53) as a varint at `at` and returns the offset behind it. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    out[at++] = (value % 128) | 128
    value = Math.floor(value / 128)
  }
  out[at++] = value
  return at
}

/** One length-delimited field as bytes of its own: tag, length, content. */
export function lengthDelimited(number: number, content: Uint8Array): Buffer {
  const tag = (number << 3) | BYTES
  const out = Buffer.allocUnsafe(varintSize(tag) + varintSize(content.length) + content.length)
  out.set(content, writeVarint(out, writeVarint(out, 0, tag), content.length))
  return out
}
