import { BYTES, FIXED64, VARINT, varintSize, writeVarint } from '../otlp/wire.ts'
import { jsonText } from './json-text.ts'
import type { LogValue } from './log-entry.ts'

const SCRATCH_BYTES_MIN = 16 * 1024
const SCRATCH_BYTES_MAX = 1024 * 1024
/** A tag and a number, or a tag and a length, with room to spare. */
const SCALAR_BYTES_MAX = 32
// Shorter texts are ASCII more often than not, and a loop is then faster than two calls into the engine.
const LOOP_CHARACTERS_MAX = 48
/** Lists and maps inside one another. Each takes up to three messages, and a request may hold a hundred inside one another. */
export const VALUE_DEPTH_MAX = 24

// The wire: AnyValue { string = 1, bool = 2, int64 = 3, double = 4, ArrayValue = 5, KeyValueList = 6, bytes = 7 }
// ArrayValue { repeated AnyValue = 1 }, KeyValueList { repeated KeyValue = 1 }, KeyValue { key = 1, AnyValue = 2 }
const tag = (number: number, type: number): number => (number << 3) | type
const STRING_VALUE = tag(1, BYTES)
const BOOL_VALUE = tag(2, VARINT)
const INT_VALUE = tag(3, VARINT)
const DOUBLE_VALUE = tag(4, FIXED64)
const ARRAY_VALUE = tag(5, BYTES)
const LIST_VALUE = tag(6, BYTES)
const BYTES_VALUE = tag(7, BYTES)
const MEMBER = tag(1, BYTES)
const KEY = tag(1, BYTES)
const VALUE = tag(2, BYTES)

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/**
 * Writes one message from its last byte to its first: when a length is due, what it measures stands already, so nothing is measured before and
 * nothing moves after. Fields are therefore written in reverse. Keeps its memory from message to message.
 */
export class BackWriter {
  bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
  private view = new DataView(this.bytes.buffer)
  /** Where the message begins, up to now; it ends with `bytes`. */
  start = this.bytes.length

  open(): void {
    if (this.bytes.length > SCRATCH_BYTES_MAX) this.allocate(SCRATCH_BYTES_MIN)
    this.start = this.bytes.length
  }

  /** Bytes written. `length(tag, before)` with an earlier `size` ends what was written since. */
  get size(): number {
    return this.bytes.length - this.start
  }

  length(tag: number, before: number): void {
    this.reserve(SCALAR_BYTES_MAX)
    this.varint(this.bytes.length - this.start - before)
    this.bytes[--this.start] = tag
  }

  /** A number of up to 53 bits, without a tag. */
  varint(value: number): void {
    if (value < 128) {
      this.bytes[--this.start] = value
      return
    }
    this.start -= varintSize(value)
    writeVarint(this.bytes, this.start, value)
  }

  uint(tag: number, value: number): void {
    this.reserve(SCALAR_BYTES_MAX)
    this.varint(value)
    this.bytes[--this.start] = tag
  }

  fixed32(tag: number, value: number): void {
    this.reserve(SCALAR_BYTES_MAX)
    this.start -= 4
    this.view.setUint32(this.start, value, true)
    this.bytes[--this.start] = tag
  }

  /** Milliseconds and nanoseconds as one number of nanoseconds; nothing where that is not above zero, or too large for 64 bits. */
  nanoseconds(tag: number, ms: number, nanos: number): void {
    if (!(ms > 0 && ms <= MS_MAX) || !(nanos >= 0 && nanos < 1e9)) return
    this.reserve(SCALAR_BYTES_MAX)
    // Cut at 26 bits, so that no product leaves the 53 bits of a number.
    const whole = Math.floor(ms)
    const upper = Math.floor(whole / 0x400_0000) * 1_000_000
    const lower = (whole % 0x400_0000) * 1_000_000 + Math.floor(nanos) + (upper % 64) * 0x400_0000
    this.start -= 8
    this.view.setUint32(this.start, lower >>> 0, true)
    this.view.setUint32(this.start + 4, Math.floor(upper / 64) + Math.floor(lower / 0x1_0000_0000), true)
    this.bytes[--this.start] = tag
  }

  raw(content: Uint8Array): void {
    this.reserve(content.length + SCALAR_BYTES_MAX)
    this.start -= content.length
    this.bytes.set(content, this.start)
  }

  /** Half surrogates become U+FFFD. */
  text(tag: number, text: string): void {
    const { length } = text
    if (length <= LOOP_CHARACTERS_MAX) {
      this.reserve(LOOP_CHARACTERS_MAX + SCALAR_BYTES_MAX)
      const { bytes } = this
      let at = this.start
      let i = length - 1
      for (; i >= 0; i--) {
        const unit = text.charCodeAt(i)
        if (unit > 127) break
        bytes[--at] = unit
      }
      if (i < 0) {
        bytes[--at] = length
        bytes[--at] = tag
        this.start = at
        return
      }
    }
    const size = Buffer.byteLength(text)
    this.reserve(size + SCALAR_BYTES_MAX)
    this.start -= size
    this.bytes.write(text, this.start, size, size === length ? 'latin1' : 'utf8')
    this.varint(size)
    this.bytes[--this.start] = tag
  }

  /** `size` bytes given as hexadecimal digits; nothing, and false, where they are not, or are all zero. */
  id(tag: number, digits: string, size: number): boolean {
    if (digits.length !== size * 2) return false
    this.reserve(size + SCALAR_BYTES_MAX)
    const { bytes } = this
    let at = this.start
    let any = 0
    for (let i = digits.length - 2; i >= 0; i -= 2) {
      const byte = (nibble(digits.charCodeAt(i)) << 4) | nibble(digits.charCodeAt(i + 1))
      if (byte < 0) return false
      any |= byte
      bytes[--at] = byte
    }
    if (any === 0) return false
    bytes[--at] = size
    bytes[--at] = tag
    this.start = at
    return true
  }

  keyValue(tag: number, key: string, value: LogValue, depth = 0): void {
    if (key.length <= LOOP_CHARACTERS_MAX && this.shortPair(tag, key, value)) return
    const before = this.bytes.length - this.start
    this.anyValue(VALUE, value, depth)
    this.text(KEY, key)
    this.length(tag, before)
  }

  // As nearly all are: ASCII, and so short that each length is one byte, or a whole number above zero. False, and nothing, for others.
  private shortPair(tag: number, key: string, value: LogValue): boolean {
    this.reserve(2 * LOOP_CHARACTERS_MAX + SCALAR_BYTES_MAX)
    const { bytes, start } = this
    let at = start
    if (typeof value === 'string') {
      if (value.length > LOOP_CHARACTERS_MAX) return false
      for (let i = value.length - 1; i >= 0; i--) {
        const unit = value.charCodeAt(i)
        if (unit > 127) return false
        bytes[--at] = unit
      }
      bytes[--at] = value.length
      bytes[--at] = STRING_VALUE
    } else if (typeof value === 'number' && value > 0 && value <= 0x7fff_ffff && Math.floor(value) === value) {
      at -= varintSize(value)
      writeVarint(bytes, at, value)
      bytes[--at] = INT_VALUE
    } else return false
    bytes[at - 1] = start - at
    bytes[at - 2] = VALUE
    at -= 2
    for (let i = key.length - 1; i >= 0; i--) {
      const unit = key.charCodeAt(i)
      if (unit > 127) return false
      bytes[--at] = unit
    }
    bytes[--at] = key.length
    bytes[--at] = KEY
    const length = start - at
    bytes[--at] = length
    bytes[--at] = tag
    this.start = at
    return true
  }

  /** A value of any kind. What lies deeper than VALUE_DEPTH_MAX becomes its JSON text. */
  anyValue(tag: number, value: LogValue, depth = 0): void {
    const before = this.bytes.length - this.start
    switch (typeof value) {
      case 'string':
        this.text(STRING_VALUE, value)
        break
      case 'number':
        this.number(value)
        break
      case 'boolean':
        this.uint(BOOL_VALUE, value ? 1 : 0)
        break
      case 'bigint':
        this.bigint(value)
        break
      case 'object':
        if (value !== null) this.structure(value, depth)
        break
    }
    this.length(tag, before)
  }

  private structure(value: Exclude<LogValue, string | number | boolean | bigint | null>, depth: number): void {
    const before = this.bytes.length - this.start
    if (value instanceof Uint8Array) {
      this.raw(value)
      this.length(BYTES_VALUE, before)
    } else if (depth >= VALUE_DEPTH_MAX) this.text(STRING_VALUE, jsonText(value))
    else if (Array.isArray(value)) {
      for (let i = value.length - 1; i >= 0; i--) this.anyValue(MEMBER, value[i], depth + 1)
      this.length(ARRAY_VALUE, before)
    } else {
      const map = value as Readonly<Record<string, LogValue>>
      const keys = Object.keys(map)
      for (let i = keys.length - 1; i >= 0; i--) this.keyValue(MEMBER, keys[i], map[keys[i]], depth + 1)
      this.length(LIST_VALUE, before)
    }
  }

  private number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.reserve(SCALAR_BYTES_MAX)
      this.start -= 8
      this.view.setFloat64(this.start, value, true)
      this.bytes[--this.start] = DOUBLE_VALUE
    } else if (value >= 0) this.uint(INT_VALUE, value)
    else this.bigint(BigInt(value))
  }

  private bigint(value: bigint): void {
    if (value < INT64_MIN || value > INT64_MAX) {
      this.text(STRING_VALUE, value.toString())
      return
    }
    this.reserve(SCALAR_BYTES_MAX)
    let rest = BigInt.asUintN(64, value)
    let at = this.start
    // The last byte of a varint is its highest.
    const size = Math.max(1, Math.ceil(rest.toString(2).length / 7))
    at -= size
    this.start = at
    for (let i = 0; i < size; i++) {
      this.bytes[at++] = Number(rest & 127n) | (i < size - 1 ? 128 : 0)
      rest >>= 7n
    }
    this.bytes[--this.start] = INT_VALUE
  }

  private reserve(size: number): void {
    if (this.start >= size) return
    const { bytes, start } = this
    const used = bytes.length - start
    this.allocate(Math.max(bytes.length * 2, used + size))
    this.start = this.bytes.length - used
    bytes.copy(this.bytes, this.start, start)
  }

  private allocate(size: number): void {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = new DataView(this.bytes.buffer)
    this.start = size
  }
}

/** Times beyond do not fit 64 bits of nanoseconds. */
const MS_MAX = 18_446_744_073_000

// By table: digits of ids come in no order that a processor could foresee.
const NIBBLES = new Int8Array(128).fill(-1)
for (const [i, digit] of Array.from('0123456789abcdef').entries())
  NIBBLES[digit.charCodeAt(0)] = NIBBLES[digit.toUpperCase().charCodeAt(0)] = i

function nibble(unit: number): number {
  return unit < 128 ? NIBBLES[unit] : -1
}
