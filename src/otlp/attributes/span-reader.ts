import { BYTES, FIXED64, Fields, VARINT } from '../wire.ts'
import { AttributeReader, NAME_BIT } from './attribute-reader.ts'

/** What is wrong with the time stamps of a span. */
export const CLOCK_FINE = 0
export const CLOCK_MISSING = 1
export const CLOCK_BACKWARDS = 2

const INTERNAL = 1

const fields = new Fields()

// Whole tags of the fields of a Span: number << 3 | wire type.
const TRACE_ID = (1 << 3) | BYTES
const SPAN_ID = (2 << 3) | BYTES
const TRACE_STATE = (3 << 3) | BYTES
const PARENT_SPAN_ID = (4 << 3) | BYTES
const NAME = (5 << 3) | BYTES
const KIND = (6 << 3) | VARINT
const START_TIME = (7 << 3) | FIXED64
const END_TIME = (8 << 3) | FIXED64
const ATTRIBUTE = (9 << 3) | BYTES
const STATUS = (15 << 3) | BYTES

/** Reads of each span what metrics need, in one pass: ids, time, kind, status, and where the attributes and the name lie. */
export class SpanReader extends AttributeReader {
  /** 1 to 5; an absent or unknown kind reads as internal, as the protocol says. */
  kind = INTERNAL
  /** 0 unset, 1 ok, 2 error; what is no known code reads as 0. */
  status = 0
  seconds = 0
  clock = CLOCK_FINE
  traceIdStart = 0
  traceIdEnd = 0
  spanIdStart = 0
  spanIdEnd = 0
  traceStateStart = 0
  traceStateEnd = 0
  parentIdStart = 0
  parentIdEnd = 0
  /** Where the eight bytes of start_time_unix_nano lie; 0 when it is absent. */
  startTimeStart = 0
  /** The same for end_time_unix_nano. */
  endTimeStart = 0

  // The wire: Span { trace_id = 1, span_id = 2, trace_state = 3, parent_span_id = 4, name = 5, kind = 6, start_time_unix_nano = 7,
  // end_time_unix_nano = 8, repeated attributes = 9, status = 15, flags = 16 }.
  /**
   * Reads a span. Where only some kinds are wanted (a bit each, 1 << kind), false as soon as another one is met: most encoders write the kind before the
   * attributes, which are most of the work.
   */
  read(start: number, end: number, kinds = -1): boolean {
    const { bytes } = this
    this.beginSpan()
    this.kind = INTERNAL
    this.status = 0
    this.bits = this.resourceBits | NAME_BIT
    this.traceIdStart = this.traceIdEnd = this.spanIdStart = this.spanIdEnd = 0
    this.traceStateStart = this.traceStateEnd = 0
    this.parentIdStart = this.parentIdEnd = 0
    let nameStart = 0
    let nameEnd = 0
    let startTime = 0
    let endTime = 0
    let at = start
    while (at < end) {
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
        if (tag === ATTRIBUTE) this.attribute(bytes, at, at + length)
        else if (tag === NAME) {
          nameStart = at
          nameEnd = at + length
        } else if (tag === TRACE_ID) {
          this.traceIdStart = at
          this.traceIdEnd = at + length
        } else if (tag === SPAN_ID) {
          this.spanIdStart = at
          this.spanIdEnd = at + length
        } else if (tag === TRACE_STATE) {
          this.traceStateStart = at
          this.traceStateEnd = at + length
        } else if (tag === PARENT_SPAN_ID) {
          this.parentIdStart = at
          this.parentIdEnd = at + length
        } else if (tag === STATUS) this.readStatus(bytes, at, at + length)
        at += length
      } else if ((tag & 7) === FIXED64) {
        if (tag === START_TIME) startTime = at
        else if (tag === END_TIME) endTime = at
        at += 8
      } else if ((tag & 7) === VARINT) {
        if (tag === KIND) {
          const kind = bytes[at] > 127 ? this.longVarint(bytes, at) : bytes[at]
          this.kind = kind >= 1 && kind <= 5 ? kind : INTERNAL
          if (((kinds >> this.kind) & 1) === 0) return false
        }
        while (bytes[at++] > 127);
      } else at += 4
    }
    this.valueStarts[this.nameIndex] = nameStart
    this.valueEnds[this.nameIndex] = nameEnd
    this.startTimeStart = startTime
    this.endTimeStart = endTime
    this.readDuration(startTime, endTime)
    return ((kinds >> this.kind) & 1) !== 0
  }

  // Nanoseconds are exact up to 104 days; longer spans lose what no bucket can tell.
  private readDuration(startTime: number, endTime: number): void {
    const { view } = this
    this.seconds = 0
    this.clock = CLOCK_MISSING
    if (startTime === 0 || endTime === 0) return
    const startLow = view.getUint32(startTime, true)
    const startHigh = view.getUint32(startTime + 4, true)
    const endLow = view.getUint32(endTime, true)
    const endHigh = view.getUint32(endTime + 4, true)
    if ((startLow | startHigh) === 0 || (endLow | endHigh) === 0) return
    const nanos = (endHigh - startHigh) * 0x1_0000_0000 + (endLow - startLow)
    this.clock = nanos < 0 ? CLOCK_BACKWARDS : CLOCK_FINE
    if (nanos > 0) this.seconds = nanos / 1e9
  }

  // Status { message = 2, code = 3 }. Pieces of a repeated status add up, so a piece without a code leaves the code as it was.
  private readStatus(bytes: Uint8Array, start: number, end: number): void {
    if (end === start) return
    fields.open(bytes, start, end)
    while (fields.next()) if (fields.number === 3) this.status = fields.low <= 2 && fields.high === 0 ? fields.low : 0
  }
}
