import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'
import { Interner } from './interner.ts'
import type { KeyTable } from './key-table.ts'

/** In a list of sources: the span's name, which is a plain string and no AnyValue. */
export const SPAN_NAME = -1

/** Of a longer value, only the first bytes tell series apart. */
export const VALUE_BYTES_MAX = 4096

/** More attributes with keys that somebody asks for are on no ordinary span. */
export const FOUND_MAX = 64

/** What is wrong with the time stamps of a span. */
export const CLOCK_FINE = 0
export const CLOCK_MISSING = 1
export const CLOCK_BACKWARDS = 2

const INTERNAL = 1
const STAMP_MAX = 2 ** 30
const NOTHING = new Uint8Array(0)
const NO_VIEW = new DataView(NOTHING.buffer)

const fields = new Fields()

// Whole tags of the fields of a Span: number << 3 | wire type.
const TRACE_ID = (1 << 3) | BYTES
const SPAN_ID = (2 << 3) | BYTES
const TRACE_STATE = (3 << 3) | BYTES
const NAME = (5 << 3) | BYTES
const KIND = (6 << 3) | VARINT
const START_TIME = (7 << 3) | FIXED64
const END_TIME = (8 << 3) | FIXED64
const ATTRIBUTE = (9 << 3) | BYTES
const STATUS = (15 << 3) | BYTES

/** In `bits`, what is always there: the span's name. */
export const NAME_BIT = 1 << 31

/** The bit in `bits` of a key. */
export function bitOf(key: number): number {
  return 1 << (key % 31)
}

/**
 * Reads of each span what metrics need, in one pass: time, kind, status, and where the values of the attributes in `keys` lie. Offsets are into the
 * bytes that were given last. `resourceEntry`, then `resource`, come before the spans of a resource.
 */
export class SpanReader {
  bytes: Uint8Array = NOTHING
  view: DataView = NO_VIEW
  /** 1 to 5; an absent or unknown kind reads as internal, as the protocol says. */
  kind = INTERNAL
  /** 0 unset, 1 ok, 2 error; what is no known code reads as 0. */
  status = 0
  seconds = 0
  clock = CLOCK_FINE
  /** A bit for each key that span or resource may have, shared by every 31st key: without its bit, a key is certainly absent. */
  bits = 0
  traceIdStart = 0
  traceIdEnd = 0
  spanIdStart = 0
  spanIdEnd = 0
  traceStateStart = 0
  traceStateEnd = 0
  /** Where the eight bytes of end_time_unix_nano lie; 0 when it is absent. */
  endTimeStart = 0
  /** By what `resolve` returns: where the AnyValue (or the span's name) lies. */
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  /** Of each key's value in the resource: its number among the values of all resources, good for as long as their epoch stays. */
  readonly resourceValues: Int32Array
  readonly interner = new Interner()
  /** The number of what all keys together have in the resource; 0 for nothing. */
  resourceNumber = 0
  /** The keys of the span in the order they came, repeated ones too, and how many; more than FOUND_MAX are not listed. */
  readonly foundKeys = new Int32Array(FOUND_MAX)
  readonly foundStarts = new Int32Array(FOUND_MAX)
  readonly foundEnds = new Int32Array(FOUND_MAX)
  found = 0
  private settled = 0
  /** What `resolve` returns for the span's name. */
  readonly nameIndex: number

  private readonly keys: KeyTable
  // A value counts when its stamp is that of this span, or of this resource; so nothing has to be cleared between spans.
  private readonly stamps: Int32Array
  private spanStamp = 0
  private resourceStamp = 1
  private resourceBits = 0
  private after = 0

  // The arrays hold the span's attributes, then the resource's, then the name.
  constructor(keys: KeyTable) {
    this.keys = keys
    this.nameIndex = 2 * keys.size
    this.valueStarts = new Int32Array(this.nameIndex + 1)
    this.valueEnds = new Int32Array(this.nameIndex + 1)
    this.resourceValues = new Int32Array(keys.size)
    this.stamps = new Int32Array(this.nameIndex)
  }

  /** Makes `bits` and `resolve` speak of the span that was read last. */
  settle(): void {
    const listed = Math.min(this.found, FOUND_MAX)
    for (let i = this.settled; i < listed; i++) this.put(this.foundKeys[i], this.foundStarts[i], this.foundEnds[i])
    this.settled = listed
  }

  /** Where the first present one of `sources` lies, as an index into valueStarts and valueEnds; -1 when none is. Span before resource. */
  resolve(sources: Int32Array): number {
    const { stamps, spanStamp, resourceStamp } = this
    const { size } = this.keys
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]
      if (source === SPAN_NAME) return this.nameIndex
      if (stamps[source] === spanStamp) return source
      if (stamps[source + size] === resourceStamp) return source + size
    }
    return -1
  }

  resourceEntry(): void {
    if (this.resourceStamp === STAMP_MAX) {
      this.stamps.fill(0)
      this.resourceStamp = 0
    }
    this.resourceStamp++
    this.resourceBits = 0
    this.resourceNumber = 0
    this.interner.makeRoom()
    this.beginSpan()
  }

  // The wire: Resource { repeated attributes = 1, … }. Read as the attributes of a span are, then copied.
  resource(start: number, end: number): void {
    const { bytes, stamps, valueStarts, valueEnds } = this
    const { size } = this.keys
    const attributes = new Fields().open(bytes, start, end)
    this.bits = this.resourceBits
    while (attributes.next()) if (attributes.number === 1) this.attribute(bytes, attributes.start, attributes.end)
    this.settle()
    this.resourceBits = this.bits
    for (let key = 0; key < size; key++) {
      stamps[key + size] = stamps[key] === this.spanStamp ? this.resourceStamp : 0
      valueStarts[key + size] = valueStarts[key]
      valueEnds[key + size] = valueEnds[key]
    }
    this.numberResourceValues(bytes)
  }

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

  // The wire: Span { trace_id = 1, span_id = 2, trace_state = 3, name = 5, kind = 6, start_time_unix_nano = 7, end_time_unix_nano = 8,
  // repeated attributes = 9, status = 15, flags = 16 }.
  read(start: number, end: number): void {
    const { bytes } = this
    this.beginSpan()
    this.kind = INTERNAL
    this.status = 0
    this.bits = this.resourceBits | NAME_BIT
    this.traceIdStart = this.traceIdEnd = this.spanIdStart = this.spanIdEnd = 0
    this.traceStateStart = this.traceStateEnd = 0
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
        }
        while (bytes[at++] > 127);
      } else at += 4
    }
    this.valueStarts[this.nameIndex] = nameStart
    this.valueEnds[this.nameIndex] = nameEnd
    this.endTimeStart = endTime
    this.readDuration(startTime, endTime)
  }

  private beginSpan(): void {
    if (this.spanStamp === STAMP_MAX) {
      this.stamps.fill(0, 0, this.keys.size)
      this.spanStamp = 0
    }
    this.spanStamp++
    this.found = 0
    this.settled = 0
  }

  // Once for all spans of the resource, so that they need not look at these bytes again.
  private numberResourceValues(bytes: Uint8Array): void {
    const { size } = this.keys
    let all = ''
    for (let key = 0; key < size; key++) {
      if (this.stamps[key + size] !== this.resourceStamp) continue
      const start = this.valueStarts[key + size]
      const end = Math.min(this.valueEnds[key + size], start + VALUE_BYTES_MAX)
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
      this.resourceValues[key] = this.interner.numberOf(text)
      all += `${key} ${this.resourceValues[key]} `
    }
    this.resourceNumber = all === '' ? 0 : this.interner.numberOf(all)
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

  private attribute(bytes: Uint8Array, start: number, end: number): void {
    const valueStart = plainValueStart(bytes, start, end)
    if (valueStart === 0) this.attributeInAnyForm(bytes, start, end)
    else {
      const key = this.keys.find(this.view, start + 2, bytes[start + 1])
      if (key >= 0) this.keep(key, valueStart, end)
    }
  }

  private attributeInAnyForm(bytes: Uint8Array, start: number, end: number): void {
    let key = -1
    let valueStart = 0
    let valueEnd = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === 1) key = this.keys.find(this.view, fields.start, fields.end - fields.start)
      else if (fields.number === 2 && fields.end > fields.start) {
        valueStart = fields.start
        valueEnd = fields.end
      }
    }
    if (key >= 0) this.keep(key, valueStart, valueEnd)
  }

  // The last one of a repeated key counts. An empty AnyValue is no value.
  private keep(key: number, valueStart: number, valueEnd: number): void {
    const found = this.found++
    if (found < FOUND_MAX) {
      this.foundKeys[found] = key
      this.foundStarts[found] = valueStart
      this.foundEnds[found] = valueEnd
    } else {
      if (found === FOUND_MAX) this.settle()
      this.put(key, valueStart, valueEnd)
    }
  }

  private put(key: number, valueStart: number, valueEnd: number): void {
    this.valueStarts[key] = valueStart
    this.valueEnds[key] = valueEnd
    this.stamps[key] = valueEnd > valueStart ? this.spanStamp : 0
    this.bits |= bitOf(key)
  }

  // A tag or a length of more than one byte; both are below 2^32, however long they were written.
  private longVarint(bytes: Uint8Array, at: number): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = bytes[at++]
      value += (byte & 127) * factor
      if (byte < 128) break
      factor *= 128
    }
    this.after = at
    return value
  }
}

// KeyValue { key = 1, value = 2 } in the form that encoders write: each once, in order, with the shortest lengths. Returns where the value begins,
// or 0 for another form.
function plainValueStart(bytes: Uint8Array, start: number, end: number): number {
  const keyLength = bytes[start + 1]
  const at = start + 2 + keyLength
  if (bytes[start] !== 0x0a || keyLength > 127 || at + 2 > end || bytes[at] !== 0x12) return 0
  const length = bytes[at + 1]
  if (length < 128) return at + 2 + length === end ? at + 2 : 0
  const more = bytes[at + 2]
  return more < 128 && at + 3 + ((length & 127) | (more << 7)) === end ? at + 3 : 0
}
