import { AttributeReader } from '../../otlp/attributes/attribute-reader.ts'
import { equals } from '../../otlp/views.ts'
import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'

/** Exceptions of one span that are given the state of the GPU. */
export const EXCEPTIONS_MAX = 16

const EXCEPTION = Buffer.from('exception')

// Whole tags of the fields of a Span: number << 3 | wire type.
const SPAN_START = (7 << 3) | FIXED64
const SPAN_END = (8 << 3) | FIXED64
const SPAN_ATTRIBUTE = (9 << 3) | BYTES
const SPAN_EVENT = (11 << 3) | BYTES

const fields = new Fields()
const inner = new Fields()

/** Reads of a span, a span event or a log record when it was, and which of the attributes asked for it has. */
export class RecordReader extends AttributeReader {
  /** Milliseconds since 1970; 0 where the record does not say. A log record and an event have a start only. */
  startMs = 0
  endMs = 0
  severity = 0
  /** Where the exception events of a span lie, tags included, and how many there are; more than EXCEPTIONS_MAX are not listed. */
  readonly exceptionTags = new Int32Array(EXCEPTIONS_MAX)
  readonly exceptionStarts = new Int32Array(EXCEPTIONS_MAX)
  readonly exceptionEnds = new Int32Array(EXCEPTIONS_MAX)
  exceptions = 0

  // The wire: Span { start_time_unix_nano = 7, end_time_unix_nano = 8, repeated attributes = 9, repeated events = 11 }
  readSpan(bytes: Uint8Array, start: number, end: number): void {
    this.begin()
    this.exceptions = 0
    let at = start
    while (at < end) {
      const tagStart = at
      let tag = bytes[at++]
      if (tag > 127) {
        tag = this.longVarint(bytes, at - 1)
        at = this.after
      }
      if ((tag & 7) === BYTES) {
        let length = bytes[at++]
        if (length > 127) {
          length = this.longVarint(bytes, at - 1)
          at = this.after
        }
        if (tag === SPAN_ATTRIBUTE) this.attribute(bytes, at, at + length)
        else if (tag === SPAN_EVENT && isException(bytes, at, at + length)) this.exception(tagStart, at, at + length)
        at += length
      } else if ((tag & 7) === FIXED64) {
        if (tag === SPAN_START) this.startMs = this.timeMs(at)
        else if (tag === SPAN_END) this.endMs = this.timeMs(at)
        at += 8
      } else if ((tag & 7) === VARINT) while (bytes[at++] > 127);
      else at += 4
    }
    this.settle()
  }

  // The wire: SpanEvent { time_unix_nano = 1, name = 2, repeated attributes = 3 }
  readEvent(bytes: Uint8Array, start: number, end: number): void {
    this.begin()
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === 3) this.attribute(bytes, fields.start, fields.end)
      else if (fields.number === 1) this.startMs = this.timeMs(fields.start)
    }
    this.settle()
  }

  // The wire: LogRecord { time_unix_nano = 1, severity_number = 2, repeated attributes = 6, observed_time_unix_nano = 11 }
  /** Reads a log record of at least this severity, and returns false for any other. */
  readLog(bytes: Uint8Array, start: number, end: number, severityMin: number): boolean {
    let severity = 0
    fields.open(bytes, start, end)
    while (fields.next()) if (fields.number === 2) severity = fields.low
    if (severity < severityMin) return false
    this.begin()
    let observedMs = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === 6) this.attribute(bytes, fields.start, fields.end)
      else if (fields.number === 1) this.startMs = this.timeMs(fields.start)
      else if (fields.number === 11) observedMs = this.timeMs(fields.start)
    }
    this.settle()
    if (this.startMs === 0) this.startMs = observedMs
    return true
  }

  private exception(tagStart: number, start: number, end: number): void {
    const exception = this.exceptions++
    if (exception >= EXCEPTIONS_MAX) return
    this.exceptionTags[exception] = tagStart
    this.exceptionStarts[exception] = start
    this.exceptionEnds[exception] = end
  }

  private begin(): void {
    this.beginSpan()
    this.bits = this.resourceBits
    this.startMs = this.endMs = 0
  }
}

function isException(bytes: Uint8Array, start: number, end: number): boolean {
  let is = false
  inner.open(bytes, start, end)
  while (inner.next()) if (inner.number === 2 && inner.type === BYTES) is = equals(bytes, inner.start, inner.end, EXCEPTION)
  return is
}
