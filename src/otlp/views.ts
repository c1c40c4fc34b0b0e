// Lazy views: where the parts of a record lie in the request's bytes. Nothing is decoded until it is asked for, and what a view says is gone
// when it is opened on the next record.
import { BYTES, FIXED32, FIXED64, Fields, VARINT } from './wire.ts'

export const STATUS_ERROR = 2

// The wire: Span { trace_id = 1, span_id = 2, trace_state = 3, name = 5, kind = 6, start_time_unix_nano = 7, end_time_unix_nano = 8,
// repeated attributes = 9, status = 15, flags = 16 }, Status { message = 2, code = 3 }. Tags as they stand there: number << 3 | wire type.
const TRACE_ID = (1 << 3) | BYTES
const SPAN_ID = (2 << 3) | BYTES
const TRACE_STATE = (3 << 3) | BYTES
const NAME = (5 << 3) | BYTES
const KIND = (6 << 3) | VARINT
const START_TIME = (7 << 3) | FIXED64
const END_TIME = (8 << 3) | FIXED64
const ATTRIBUTE = (9 << 3) | BYTES
const STATUS = (15 << 3) | BYTES
const FLAGS = (16 << 3) | FIXED32
const STATUS_CODE = 3

/**
 * One span. Offsets are into `bytes`; a field that is absent has start = end = 0, which reads as empty. Every span is read by this, so it steps over
 * the bytes, which parseBatch has checked, by itself: more than twice as fast as field by field through Fields.
 */
export class SpanView {
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
  traceIdStart = 0
  traceIdEnd = 0
  spanIdStart = 0
  spanIdEnd = 0
  /** The trace_state field as a whole begins at its tag; absent: all three are 0. */
  traceStateTag = 0
  traceStateStart = 0
  traceStateEnd = 0
  nameStart = 0
  nameEnd = 0
  kind = 0
  statusCode = 0
  flags = 0
  /** Where the first attribute's tag stands, and where the last attribute ends; both 0 when there are none. */
  attributesStart = 0
  attributesEnd = 0
  private startTime = 0
  private endTime = 0

  open(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.traceIdStart = this.traceIdEnd = this.spanIdStart = this.spanIdEnd = 0
    this.traceStateTag = this.traceStateStart = this.traceStateEnd = 0
    this.nameStart = this.nameEnd = 0
    this.kind = this.statusCode = this.flags = 0
    this.attributesStart = this.attributesEnd = 0
    this.startTime = this.endTime = 0
    let pos = start
    while (pos < end) {
      const tagStart = pos
      let tag = bytes[pos++]
      if (tag > 127) {
        tag &= 127
        for (let shift = 7; ; shift += 7) {
          const byte = bytes[pos++]
          tag |= (byte & 127) << shift
          if (byte < 128) break
        }
      }
      switch (tag & 7) {
        case BYTES: {
          let length = bytes[pos++]
          if (length > 127) {
            length &= 127
            for (let shift = 7; ; shift += 7) {
              const byte = bytes[pos++]
              length |= (byte & 127) << shift
              if (byte < 128) break
            }
          }
          this.take(tag, tagStart, pos, pos + length)
          pos += length
          break
        }
        case VARINT:
          if (tag === KIND) this.kind = lowVarint(bytes, pos)
          while (bytes[pos++] > 127);
          break
        case FIXED64:
          if (tag === START_TIME) this.startTime = pos
          else if (tag === END_TIME) this.endTime = pos
          pos += 8
          break
        default:
          if (tag === FLAGS) this.flags = readUint32(bytes, pos)
          pos += 4
      }
    }
    return this
  }

  private take(tag: number, tagStart: number, start: number, end: number): void {
    switch (tag) {
      case ATTRIBUTE:
        if (this.attributesEnd === 0) this.attributesStart = tagStart
        this.attributesEnd = end
        break
      case TRACE_ID:
        this.traceIdStart = start
        this.traceIdEnd = end
        break
      case SPAN_ID:
        this.spanIdStart = start
        this.spanIdEnd = end
        break
      case TRACE_STATE:
        this.traceStateTag = tagStart
        this.traceStateStart = start
        this.traceStateEnd = end
        break
      case NAME:
        this.nameStart = start
        this.nameEnd = end
        break
      case STATUS:
        this.readStatus(start, end)
    }
  }

  /** Nanoseconds from start to end; 0 where one of them is missing, negative where the sender's clock ran backwards. Exact up to 104 days. */
  durationNano(): number {
    if (this.startTime === 0 || this.endTime === 0) return 0
    const { bytes, startTime, endTime } = this
    const high = readUint32(bytes, endTime + 4) - readUint32(bytes, startTime + 4)
    return high * 0x1_0000_0000 + (readUint32(bytes, endTime) - readUint32(bytes, startTime))
  }

  private readStatus(start: number, end: number): void {
    statusFields.open(this.bytes, start, end)
    while (statusFields.next()) if (statusFields.number === STATUS_CODE) this.statusCode = statusFields.low
  }
}

const statusFields = new Fields()

// The low 32 bits of a varint.
function lowVarint(bytes: Uint8Array, at: number): number {
  let value = bytes[at] & 127
  for (let shift = 7; bytes[at++] > 127 && shift < 32; shift += 7) value |= (bytes[at] & 127) << shift
  return value
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
}

/** Reads one KeyValue and, where it holds one, its string. */
export class AttributeView {
  keyStart = 0
  keyEnd = 0
  /** The AnyValue message. */
  valueStart = 0
  valueEnd = 0

  // KeyValue { key = 1, value = 2 }
  open(bytes: Uint8Array, start: number, end: number): this {
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = 0
    attributeFields.open(bytes, start, end)
    while (attributeFields.next()) {
      if (attributeFields.number === 1) {
        this.keyStart = attributeFields.start
        this.keyEnd = attributeFields.end
      } else if (attributeFields.number === 2) {
        this.valueStart = attributeFields.start
        this.valueEnd = attributeFields.end
      }
    }
    return this
  }
}

const attributeFields = new Fields()

/** Whether bytes[start, end) are exactly `text`. */
export function equals(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false
  return true
}

const holder = new Fields()
const found = new AttributeView()

/**
 * The text of a string attribute of the message in [start, end), whose attributes have field number `number`; undefined when it is absent or no
 * string. The last one wins where a key repeats.
 */
export function stringAttribute(bytes: Uint8Array, start: number, end: number, number: number, key: Uint8Array): string | undefined {
  let text: string | undefined
  holder.open(bytes, start, end)
  while (holder.next()) {
    if (holder.number !== number) continue
    found.open(bytes, holder.start, holder.end)
    if (equals(bytes, found.keyStart, found.keyEnd, key)) text = stringValue(bytes, found.valueStart, found.valueEnd)
  }
  return text
}

const valueFields = new Fields()

// AnyValue { string_value = 1, … bytes_value = 7 }: a oneof, of which the last on the wire counts.
const BYTES_VALUE = 7

function stringValue(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text: string | undefined
  valueFields.open(bytes, start, end)
  while (valueFields.next()) {
    if (valueFields.number > BYTES_VALUE) continue
    text =
      valueFields.number === 1
        ? Buffer.from(bytes.buffer, bytes.byteOffset + valueFields.start, valueFields.end - valueFields.start).toString('utf8')
        : undefined
  }
  return text
}
