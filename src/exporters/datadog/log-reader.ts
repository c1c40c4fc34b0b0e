import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'
import { PairReader } from './json-bytes.ts'
import { keys, roles } from './log-names.ts'

/** Of a log with more attributes, these are kept. */
export const ATTRIBUTES_MAX = 512
const ROLES = 16
const NOTHING = new Uint8Array(0)
const NO_VIEW = new DataView(new ArrayBuffer(0))

// The wire: LogRecord { time_unix_nano = 1, severity_number = 2, severity_text = 3, body = 5, repeated attributes = 6, trace_id = 9, span_id = 10,
// observed_time_unix_nano = 11, event_name = 12 }. Tags as they stand there: number << 3 | wire type.
const TIME = (1 << 3) | FIXED64
const SEVERITY_NUMBER = (2 << 3) | VARINT
const SEVERITY_TEXT = (3 << 3) | BYTES
const BODY = (5 << 3) | BYTES
const ATTRIBUTE = (6 << 3) | BYTES
const TRACE_ID = (9 << 3) | BYTES
const SPAN_ID = (10 << 3) | BYTES
const OBSERVED_TIME = (11 << 3) | FIXED64
const EVENT_NAME = (12 << 3) | BYTES

/** Where the parts of a log record lie. What is absent has start = end = 0; the ids too where they are all zeros. */
export class LogReader {
  bytes: Uint8Array = NOTHING
  timeMs = 0
  /** Nanoseconds since 1970. */
  timeNano = 0n
  severityNumber = 0
  severityStart = 0
  severityEnd = 0
  bodyStart = 0
  bodyEnd = 0
  eventStart = 0
  eventEnd = 0
  traceStart = 0
  spanStart = 0
  /** The attributes, in the order they came, with the number of each key in the table of names, or -1. */
  count = 0
  /** There were more. */
  hasMore = false
  readonly keyStarts = new Int32Array(ATTRIBUTES_MAX)
  readonly keyEnds = new Int32Array(ATTRIBUTES_MAX)
  readonly valueStarts = new Int32Array(ATTRIBUTES_MAX)
  readonly valueEnds = new Int32Array(ATTRIBUTES_MAX)
  readonly numbers = new Int16Array(ATTRIBUTES_MAX)
  /** By role: the first attribute that has it, or -1. */
  readonly players = new Int16Array(ROLES)
  /** By number: whether an attribute has this key. */
  readonly present = new Uint8Array(keys.size)
  view: DataView = NO_VIEW
  private readonly fields = new Fields()
  private readonly pair = new PairReader()

  /** What is read from now on lies in these bytes. */
  open(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Lets go of the bytes. */
  close(): void {
    this.bytes = NOTHING
    this.view = NO_VIEW
  }

  read(start: number, end: number, receivedAtMs: number): void {
    const { fields, bytes } = this
    this.severityNumber = this.severityStart = this.severityEnd = this.bodyStart = this.bodyEnd = 0
    this.eventStart = this.eventEnd = this.traceStart = this.spanStart = this.count = 0
    this.hasMore = false
    this.players.fill(-1)
    this.present.fill(0)
    let time = 0
    let observed = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      switch ((fields.number << 3) | fields.type) {
        case ATTRIBUTE:
          this.attribute(fields.start, fields.end)
          break
        case TIME:
          time = fields.start
          break
        case OBSERVED_TIME:
          observed = fields.start
          break
        case SEVERITY_NUMBER:
          this.severityNumber = fields.high === 0 && fields.low <= 24 ? fields.low : 0
          break
        case SEVERITY_TEXT:
          this.severityStart = fields.start
          this.severityEnd = fields.end
          break
        case BODY:
          this.bodyStart = fields.start
          this.bodyEnd = fields.end
          break
        case TRACE_ID:
          this.traceStart = this.idAt(fields.start, fields.end)
          break
        case SPAN_ID:
          this.spanStart = this.idAt(fields.start, fields.end)
          break
        case EVENT_NAME:
          this.eventStart = fields.start
          this.eventEnd = fields.end
          break
      }
    }
    this.readTime(time, observed, receivedAtMs)
  }

  private attribute(start: number, end: number): void {
    const { pair, count } = this
    pair.open(this.bytes, start, end)
    if (pair.keyEnd === pair.keyStart || pair.valueEnd === pair.valueStart) return
    if (count === ATTRIBUTES_MAX) {
      this.hasMore = true
      return
    }
    const number = keys.find(this.view, pair.keyStart, pair.keyEnd - pair.keyStart)
    this.keyStarts[count] = pair.keyStart
    this.keyEnds[count] = pair.keyEnd
    this.valueStarts[count] = pair.valueStart
    this.valueEnds[count] = pair.valueEnd
    this.numbers[count] = number
    this.count++
    if (number < 0) return
    this.present[number] = 1
    if (this.players[roles[number]] < 0) this.players[roles[number]] = count
  }

  // An id of zeros is none.
  private idAt(start: number, end: number): number {
    for (let i = start; i < end; i++) if (this.bytes[i] !== 0) return start
    return 0
  }

  // A time of zero is none, and one that is far ahead is that of a clock which is wrong: then it is the time of receipt.
  private readTime(time: number, observed: number, receivedAtMs: number): void {
    let nano = time === 0 ? 0n : this.view.getBigUint64(time, true)
    if (nano === 0n && observed !== 0) nano = this.view.getBigUint64(observed, true)
    const ms = Number(nano / 1_000_000n)
    const isUsable = nano !== 0n && ms <= receivedAtMs + AHEAD_MAX_MS
    this.timeMs = isUsable ? ms : receivedAtMs
    this.timeNano = isUsable ? nano : BigInt(Math.trunc(receivedAtMs)) * 1_000_000n
  }
}

const AHEAD_MAX_MS = 24 * 60 * 60_000
