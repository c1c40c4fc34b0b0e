import { isUtf8 } from 'node:buffer'
import { FIELD_BYTES_MAX, MessageWriter } from '../../otlp/message-writer.ts'
import { BYTES, FIXED64, VARINT, varintSize } from '../../otlp/wire.ts'
import type { Target } from './tag-rules.ts'

// The wire: KeyValue { key = 1, AnyValue value = 2 }, AnyValue { string = 1, int = 3, double = 4 }
const VALUE = (2 << 3) | BYTES
const STRING_VALUE = (1 << 3) | BYTES
const INT_VALUE = (3 << 3) | VARINT
const DOUBLE_VALUE = (4 << 3) | FIXED64
/** Numbers below zero are written as 64 bits. */
const NEGATIVE_VARINT_BYTES = 10
/** What isUtf8 has to be asked is longer. */
const LOOP_BYTES_MAX = 40

const NOTHING = Buffer.alloc(0)

/** Writes attributes whose texts lie in a request, without making strings of them. What is no UTF-8 is mended. */
export class AttributeWriter extends MessageWriter {
  /** The request, and a view of it. */
  from: Buffer = NOTHING
  view: DataView = new DataView(NOTHING.buffer, 0, 0)
  /** The number of the span that is written; see Target. */
  span = 0

  /** Turns to a request. */
  turnTo(request: Buffer): void {
    this.from = request
    this.view = new DataView(request.buffer, request.byteOffset, request.length)
  }

  /** A text between `start` and `end` of the request, under a tag of its own. */
  text(tag: number, start: number, end: number): void {
    if (isPlain(this.from, start, end)) this.raw(tag, this.from, start, end)
    else {
      const mended = Buffer.from(this.from.toString('utf8', start, end))
      this.raw(tag, mended, 0, mended.length)
    }
  }

  /** A text of ours. */
  string(tag: number, text: string): void {
    const bytes = Buffer.from(text)
    this.raw(tag, bytes, 0, bytes.length)
  }

  raw(tag: number, from: Buffer, start: number, end: number): void {
    this.reserve(end - start + FIELD_BYTES_MAX)
    this.varint(tag)
    this.varint(end - start)
    this.copy(from, start, end)
  }

  /** The time of a span, in two halves. */
  fixed64(tag: number, high: number, low: number): void {
    this.reserve(FIELD_BYTES_MAX)
    this.varint(tag)
    this.fixed32(low)
    this.fixed32(high)
  }

  /** An attribute whose text lies between `start` and `end` of the request. False, and nothing is written, where the span has it already. */
  attribute(tag: number, target: Target, start: number, end: number): boolean {
    if (!this.isNew(target)) return false
    if (isPlain(this.from, start, end)) this.textAttribute(tag, target, this.from, start, end)
    else this.mended(tag, target, this.from.toString('utf8', start, end))
    return true
  }

  /** The same, of a text of ours. */
  stringAttribute(tag: number, target: Target, text: string): void {
    if (this.isNew(target)) this.mended(tag, target, text)
  }

  /** The same, of a number: whole ones are written as such. */
  numberAttribute(tag: number, target: Target, value: number): void {
    if (!this.isNew(target)) return
    const isWhole = Number.isSafeInteger(value) && !Object.is(value, -0)
    const any = isWhole ? 1 + (value < 0 ? NEGATIVE_VARINT_BYTES : varintSize(value)) : 9
    this.reserve(target.key.length + any + FIELD_BYTES_MAX)
    this.varint(tag)
    this.varint(target.key.length + 2 + any)
    this.copy(target.key, 0, target.key.length)
    this.varint(VALUE)
    this.varint(any)
    if (isWhole) {
      this.varint(INT_VALUE)
      if (value < 0) this.varint64(value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0)
      else this.varint(value)
    } else {
      this.varint(DOUBLE_VALUE)
      this.double(value)
    }
  }

  private mended(tag: number, target: Target, text: string): void {
    const bytes = Buffer.from(text)
    this.textAttribute(tag, target, bytes, 0, bytes.length)
  }

  private textAttribute(tag: number, { key }: Target, from: Buffer, start: number, end: number): void {
    const length = end - start
    const any = 1 + varintSize(length) + length
    this.reserve(key.length + length + FIELD_BYTES_MAX)
    this.varint(tag)
    this.varint(key.length + 1 + varintSize(any) + any)
    this.copy(key, 0, key.length)
    this.varint(VALUE)
    this.varint(any)
    this.varint(STRING_VALUE)
    this.varint(length)
    this.copy(from, start, end)
  }

  private isNew(target: Target): boolean {
    if (target.span === this.span) return false
    target.span = this.span
    return true
  }
}

function isPlain(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > LOOP_BYTES_MAX) return isUtf8(bytes.subarray(start, end))
  for (let i = start; i < end; i++) if (bytes[i] > 127) return isUtf8(bytes.subarray(start, end))
  return true
}
