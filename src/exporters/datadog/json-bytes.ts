// JSON, written from the bytes of a request as they stand: its strings are UTF-8 already.
import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'

const FIRST_BYTES = 16 * 1024
const NEXT_BYTES_MAX = 256 * 1024
/** Up to here a loop is faster than a call into the engine. */
const LOOP_BYTES_MAX = 64
/** Bytes of a string between two looks at the room that is left. */
const STEP_BYTES = 4096
const QUOTE = 0x22
const BACKSLASH = 0x5c
const HEX = Buffer.from('0123456789abcdef')
/** What stands at the end of a text that was cut, as Datadog's Agent marks it. */
const MARK = Buffer.from('...TRUNCATED...')

/** What comes after the backslash; 0 where there is no short form. */
const SHORT = new Uint8Array(32)
for (const [code, letter] of [
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [12, 'f'],
  [13, 'r']
] as const)
  SHORT[code] = letter.charCodeAt(0)

/** Grows as it is written. */
export class JsonBytes {
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  length = 0
  // Whoever reads a value has done with it before the values inside of it are read.
  private readonly reader = new AnyValueReader()

  /** Begins anew. */
  begin(): void {
    this.length = 0
  }

  /** Ends it: the bytes, which are the caller's now. */
  end(): Uint8Array {
    const written = this.bytes.subarray(0, this.length)
    // The next text is likely to be as long.
    this.bytes = Buffer.allocUnsafeSlow(Math.min(this.length + STEP_BYTES, NEXT_BYTES_MAX))
    this.length = 0
    return written
  }

  reserve(size: number): void {
    if (this.bytes.length - this.length >= size) return
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + size))
    this.bytes.copy(bytes, 0, 0, this.length)
    this.bytes = bytes
  }

  /** Writes JSON that stands already, all of it ASCII. */
  ascii(text: string): void {
    this.reserve(text.length)
    const { bytes } = this
    let to = this.length
    if (text.length > LOOP_BYTES_MAX) to += bytes.write(text, to, 'latin1')
    else for (let i = 0; i < text.length; i++) bytes[to++] = text.charCodeAt(i)
    this.length = to
  }

  /** Writes JSON that stands already. */
  raw(json: Uint8Array): void {
    this.reserve(json.length)
    const { bytes } = this
    let to = this.length
    if (json.length > LOOP_BYTES_MAX) bytes.set(json, to)
    else for (let i = 0; i < json.length; i++) bytes[to + i] = json[i]
    to += json.length
    this.length = to
  }

  /** Writes a text as a JSON string. */
  text(text: string): void {
    this.raw(Buffer.from(JSON.stringify(text)))
  }

  /** Writes a string of the request as a JSON string that takes at most `max` bytes or so; false when it had to be cut for that. */
  string(from: Uint8Array, start: number, end: number, max = Number.POSITIVE_INFINITY): boolean {
    this.reserve(2)
    this.bytes[this.length++] = QUOTE
    const isWhole = this.content(from, start, end, this.length + max - MARK.length - 2)
    if (!isWhole) this.raw(MARK)
    this.reserve(1)
    this.bytes[this.length++] = QUOTE
    return isWhole
  }

  // Writes the inside of a string up to where `last` is reached; false when something is left.
  private content(from: Uint8Array, start: number, end: number, last: number): boolean {
    let at = start
    while (at < end) {
      const stop = Math.min(end, at + STEP_BYTES)
      this.reserve(6 * STEP_BYTES)
      const { bytes } = this
      let to = this.length
      for (; at < stop; at++) {
        const byte = from[at]
        // Never cut inside of a character: its other bytes are 10xxxxxx.
        if (to >= last && (byte & 0xc0) !== 0x80) {
          this.length = to
          return false
        }
        if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) bytes[to++] = byte
        else {
          bytes[to++] = BACKSLASH
          if (byte >= 0x20) bytes[to++] = byte
          else if (SHORT[byte] !== 0) bytes[to++] = SHORT[byte]
          else to += bytes.write(`u00${byte < 16 ? 0 : 1}${String.fromCharCode(HEX[byte & 15])}`, to, 'latin1')
        }
      }
      this.length = to
    }
    return true
  }

  /** Writes an AnyValue; a map in it becomes an object. What has no value is null. False when a text had to be cut. */
  value(from: Uint8Array, start: number, end: number, max = Number.POSITIVE_INFINITY): boolean {
    const found = this.reader.open(from, start, end)
    switch (found.kind) {
      case STRING:
        return this.string(from, found.start, found.end, max)
      case BOOL:
        this.ascii(found.low !== 0 || found.high !== 0 ? 'true' : 'false')
        return true
      case INT:
        this.ascii(integerText(found.low, found.high))
        return true
      case DOUBLE:
        this.ascii(doubleText(from, found.start))
        return true
      case BYTES_VALUE:
        this.ascii(`"${Buffer.from(from.buffer, from.byteOffset + found.start, found.end - found.start).toString('base64')}"`)
        return true
      case ARRAY:
      case MAP:
        return this.list(from, found.start, found.end, found.kind === MAP, max)
      default:
        this.ascii('null')
        return true
    }
  }

  // ArrayValue { repeated AnyValue values = 1 }, KeyValueList { repeated KeyValue values = 1 }, KeyValue { key = 1, value = 2 }
  private list(from: Uint8Array, start: number, end: number, isMap: boolean, max: number): boolean {
    let isWhole = true
    let count = 0
    this.ascii(isMap ? '{' : '[')
    const elements = new Fields().open(from, start, end)
    const keys = new Set<string>()
    while (elements.next()) {
      if (elements.number !== 1) continue
      if (!isMap) {
        if (count++ > 0) this.ascii(',')
        isWhole = this.value(from, elements.start, elements.end, max) && isWhole
        continue
      }
      const pair = new PairReader().open(from, elements.start, elements.end)
      const key = Buffer.from(from.buffer, from.byteOffset + pair.keyStart, pair.keyEnd - pair.keyStart).toString('latin1')
      if (keys.has(key)) continue
      keys.add(key)
      if (count++ > 0) this.ascii(',')
      this.string(from, pair.keyStart, pair.keyEnd)
      this.ascii(':')
      isWhole = this.value(from, pair.valueStart, pair.valueEnd, max) && isWhole
    }
    this.ascii(isMap ? '}' : ']')
    return isWhole
  }
}

export const STRING = 1
export const BOOL = 2
export const INT = 3
export const DOUBLE = 4
export const ARRAY = 5
export const MAP = 6
export const BYTES_VALUE = 7

/**
 * Where the value lies that an AnyValue holds, and its kind; 0 for none.
 * The wire: AnyValue { string = 1, bool = 2, int = 3, double = 4, array = 5, kvlist = 6, bytes = 7 }, of which the last counts.
 */
export class AnyValueReader {
  kind = 0
  start = 0
  end = 0
  low = 0
  high = 0
  private readonly fields = new Fields()

  open(bytes: Uint8Array, start: number, end: number): this {
    const { fields } = this
    this.kind = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      const { number, type } = fields
      const expected = number === BOOL || number === INT ? VARINT : number === DOUBLE ? FIXED64 : BYTES
      if (number > BYTES_VALUE || type !== expected) continue
      this.kind = number
      this.start = fields.start
      this.end = fields.end
      this.low = fields.low
      this.high = fields.high
    }
    return this
  }
}

/** Where key and value of a KeyValue lie: KeyValue { key = 1, value = 2 }. */
export class PairReader {
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0
  private readonly fields = new Fields()

  open(bytes: Uint8Array, start: number, end: number): this {
    const { fields } = this
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === 1) {
        this.keyStart = fields.start
        this.keyEnd = fields.end
      } else if (fields.number === 2) {
        this.valueStart = fields.start
        this.valueEnd = fields.end
      }
    }
    return this
  }
}

/** An int64 as JSON: as a number where a double holds it exactly, else as a string. */
export function integerText(low: number, high: number): string {
  if (high === 0) return String(low)
  const value = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))
  const number = Number(value)
  return Number.isSafeInteger(number) ? String(number) : `"${value}"`
}

function doubleText(bytes: Uint8Array, start: number): string {
  const value = new DataView(bytes.buffer, bytes.byteOffset + start, 8).getFloat64(0, true)
  return Number.isFinite(value) ? String(value) : `"${value}"`
}
