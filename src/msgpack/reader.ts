import { isUtf8 } from 'node:buffer'
import { MsgpackFault, MsgpackFrame, readBig } from './frame.ts'

/** What msgpack can say. */
export type MsgpackValue =
  | string
  | number
  | boolean
  | bigint
  | null
  | Uint8Array
  | readonly MsgpackValue[]
  | { readonly [key: string]: MsgpackValue }

/** Deeper nested values are passed over, and are null. */
const DEPTH_MAX = 32
/** Values of one record, at most. */
const VALUES_MAX = 64 * 1024

const NIL = 0xc0

const frame = new MsgpackFrame(Number.MAX_SAFE_INTEGER)

/** Reads msgpack values out of bytes that are there as a whole. Throws MsgpackFault where they are not what they claim to be. */
export class MsgpackReader {
  pos = 0
  /** Where the last text or binary value lies. */
  start = 0
  stop = 0
  /** The last whole number as 64 bits in two unsigned halves; one below zero as its two's complement. */
  low = 0
  high = 0
  private bytes: Buffer
  private end = 0
  private valuesLeft = VALUES_MAX

  constructor() {
    this.bytes = NOTHING
  }

  open(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes
    this.pos = start
    this.end = end
    return this
  }

  get isAtEnd(): boolean {
    return this.pos >= this.end
  }

  /** How many values the array that is next has; -1, and nothing is read, where something else is next. */
  array(): number {
    return this.group(0x90, 0xdc, 1)
  }

  /** The same for pairs of a map. */
  map(): number {
    return this.group(0x80, 0xde, 2)
  }

  private group(few: number, many: number, each: number): number {
    const byte = this.peek()
    let count = -1
    if ((byte & 0xf0) === few) {
      count = byte & 15
      this.pos++
    } else if (byte === many || byte === many + 1) count = this.sized(byte === many ? 2 : 4)
    if (count * each > this.end - this.pos) throw new MsgpackFault('a list that is longer than its message')
    return count
  }

  /** Whether a text or a binary value is next; if so, it is read, and lies between `start` and `stop`. */
  content(): boolean {
    const byte = this.peek()
    let size = -1
    if ((byte & 0xe0) === 0xa0) {
      size = byte & 31
      this.pos++
    } else if (byte >= 0xd9 && byte <= 0xdb) size = this.sized(1 << (byte - 0xd9))
    else if (byte >= 0xc4 && byte <= 0xc6) size = this.sized(1 << (byte - 0xc4))
    if (size === -1) return false
    this.take(size)
    return true
  }

  /** The text that is next, of whichever kind; undefined, and nothing is read, where something else is next. */
  text(): string | undefined {
    return this.content() ? this.bytes.toString('utf8', this.start, this.stop) : undefined
  }

  /** The bytes of the last text or binary value; they are not copied. */
  slice(): Buffer {
    return this.bytes.subarray(this.start, this.stop)
  }

  /** An extension of the type that is next, as `content`; false, and nothing is read, where something else is next. */
  extension(type: number): boolean {
    const before = this.pos
    const byte = this.peek()
    let size = -1
    if (byte >= 0xd4 && byte <= 0xd8) {
      size = 1 << (byte - 0xd4)
      this.pos++
    } else if (byte >= 0xc7 && byte <= 0xc9) size = this.sized(1 << (byte - 0xc7))
    if (size === -1) return false
    this.take(1)
    const found = this.bytes.readInt8(this.start)
    this.take(size)
    if (found === type) return true
    this.pos = before
    return false
  }

  /** Whether a number is next; if so, it is read, and its whole part lies in `high` and `low`. */
  integer(): boolean {
    const byte = this.peek()
    if (byte < 0x80 || byte >= 0xe0) {
      this.pos++
      return this.wide(byte < 0x80 ? byte : byte - 256)
    }
    if (byte === 0xcf || byte === 0xd3) {
      const at = this.fixed(8)
      this.high = this.bytes.readUInt32BE(at)
      this.low = this.bytes.readUInt32BE(at + 4)
      return true
    }
    if (byte < 0xca || byte > 0xd3) return false
    const value = Number(this.scalar(byte))
    return this.wide(value > -(2 ** 63) && value < 2 ** 64 ? Math.trunc(value) : 0)
  }

  private wide(value: number): true {
    this.low = value >>> 0
    this.high = Math.floor(value / 0x1_0000_0000) >>> 0
    return true
  }

  /** The number that is next, as a double; undefined, and nothing is read, where something else is next. */
  double(): number | undefined {
    const byte = this.peek()
    if (byte === 0xcb) return this.bytes.readDoubleBE(this.fixed(8))
    if (byte < 0x80 || byte >= 0xe0) {
      this.pos++
      return byte < 0x80 ? byte : byte - 256
    }
    return byte >= 0xca && byte <= 0xd3 ? Number(this.scalar(byte)) : undefined
  }

  nil(): boolean {
    if (this.peek() !== NIL) return false
    this.pos++
    return true
  }

  /** Passes over one value, however deep. */
  skip(): void {
    frame.reset()
    if (!frame.scan(this.bytes, this.pos, this.end)) throw cutOff()
    this.pos += frame.size
  }

  /** One value, with all that is in it; texts and bytes are copies. */
  value(): MsgpackValue {
    this.valuesLeft = VALUES_MAX
    return this.inner(DEPTH_MAX)
  }

  private inner(depthLeft: number): MsgpackValue {
    if (--this.valuesLeft < 0) throw new MsgpackFault(`a record of more than ${VALUES_MAX} values`)
    const byte = this.peek()
    if (byte < 0x80 || byte >= 0xe0) {
      this.pos++
      return byte < 0x80 ? byte : byte - 256
    }
    if (byte < 0xa0 || (byte >= 0xdc && byte <= 0xdf)) return this.nested(byte, depthLeft)
    if (this.content()) {
      const isText = byte < 0xc0 || byte >= 0xd9 || isUtf8(this.slice())
      return isText ? this.bytes.toString('utf8', this.start, this.stop) : Uint8Array.from(this.slice())
    }
    return this.scalar(byte)
  }

  private nested(byte: number, depthLeft: number): MsgpackValue {
    if (depthLeft === 0) {
      this.skip()
      return null
    }
    const isMap = byte < 0x90 || byte >= 0xde
    if (!isMap) {
      const list: MsgpackValue[] = []
      for (let left = this.array(); left > 0; left--) list.push(this.inner(depthLeft - 1))
      return list
    }
    const object: Record<string, MsgpackValue> = {}
    for (let left = this.map(); left > 0; left--) {
      const key = this.text() ?? String(this.inner(0))
      const value = this.inner(depthLeft - 1)
      // This one name would be taken for something else.
      if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
      else object[key] = value
    }
    return object
  }

  private scalar(byte: number): MsgpackValue {
    switch (byte) {
      case NIL:
      case 0xc2:
      case 0xc3:
        this.pos++
        return byte === NIL ? null : byte === 0xc3
      case 0xca:
        return this.bytes.readFloatBE(this.fixed(4))
      case 0xcb:
        return this.bytes.readDoubleBE(this.fixed(8))
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.bytes.readUIntBE(this.fixed(1 << (byte - 0xcc)), 1 << (byte - 0xcc))
      case 0xcf:
        return narrow(this.bytes.readBigUInt64BE(this.fixed(8)))
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.bytes.readIntBE(this.fixed(1 << (byte - 0xd0)), 1 << (byte - 0xd0))
      case 0xd3:
        return narrow(this.bytes.readBigInt64BE(this.fixed(8)))
      case 0xc1:
        throw new MsgpackFault('a byte that msgpack does not use')
      default: {
        // An extension: its bytes, type included.
        const from = this.pos
        this.skip()
        return Uint8Array.from(this.bytes.subarray(from, this.pos))
      }
    }
  }

  private peek(): number {
    if (this.pos >= this.end) throw cutOff()
    return this.bytes[this.pos]
  }

  // The size behind the first byte.
  private sized(bytes: number): number {
    if (this.pos + 1 + bytes > this.end) throw cutOff()
    const size = readBig(this.bytes, this.pos + 1, bytes)
    this.pos += 1 + bytes
    return size
  }

  private fixed(bytes: number): number {
    this.pos++
    this.take(bytes)
    return this.start
  }

  private take(bytes: number): void {
    this.start = this.pos
    this.stop = this.pos + bytes
    if (this.stop > this.end) throw cutOff()
    this.pos = this.stop
  }
}

const NOTHING = Buffer.alloc(0)

function cutOff(): MsgpackFault {
  return new MsgpackFault('a value that is cut off')
}

function narrow(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}
