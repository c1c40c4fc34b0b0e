import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { AttributeView } from '../../otlp/views.ts'
import { BYTES, FIXED32, FIXED64, Fields } from '../../otlp/wire.ts'

/** The attribute by which a correlation id is known everywhere. */
export const CORRELATION_ID = 'correlation.id'
/** The trace that the gateway has found for a log record. */
export const CORRELATION_TRACE_ID = 'correlation.trace_id'

export const ID_BYTES_MIN = 4
export const ID_BYTES_MAX = 128
/** Shorter ids of requests are numbers that begin anew with each process, as in `req-1`. */
export const REQUEST_ID_BYTES_MIN = 16

// The wire: KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1, array_value = 5 }, ArrayValue { repeated values = 1 }
const KEY_TAG = 0x0a
const VALUE_TAG = 0x12
const STRING_TAG = 0x0a
const STRING_VALUE = 1
const ARRAY_VALUE = 5
const NONE = 1 << 16

/**
 * Reads of each span or log record which trace it belongs to, and by which id its request is known. Steps over the bytes, which parseBatch has checked, by
 * itself: every span is read by this, and most have nothing that it looks for.
 */
export class IdReader {
  /** Both 0 where there is no valid trace id. */
  traceIdStart = 0
  traceIdEnd = 0
  /** The id of the request, as text; both 0 where there is none that counts. */
  idStart = 0
  idEnd = 0
  /** The id is one of requests, not of what the user began. */
  isRequest = false
  /** There is a CORRELATION_ID already, whatever it says. */
  isNamed = false
  /** There is a CORRELATION_TRACE_ID already. */
  hasTrace = false

  private readonly table: KeyTable
  private readonly correlationKeys: number
  private readonly traceKey: number
  // By a key's last byte: a bit for each length that a wanted key with that end has. By these, most attributes are passed over.
  private readonly lengths = new Int32Array(256)
  private readonly attribute = new AttributeView()
  private readonly value = new Fields()
  private traceIdTag = 0
  private attributeTag = 0
  private bytes: Uint8Array = NOTHING
  private view: DataView = NO_VIEW
  private rank = NONE
  private after = 0

  /** `keys` name correlation ids, `requestKeys` those of requests, best first. */
  constructor(keys: readonly string[], requestKeys: readonly string[]) {
    const correlation = [...new Set([CORRELATION_ID, ...keys])]
    this.table = new KeyTable([...correlation, ...requestKeys, CORRELATION_TRACE_ID])
    this.correlationKeys = correlation.length
    this.traceKey = this.table.numberOf(CORRELATION_TRACE_ID)
    for (const key of [...correlation, ...requestKeys, CORRELATION_TRACE_ID]) {
      const bytes = Buffer.from(key)
      this.lengths[bytes[bytes.length - 1]] |= 1 << (bytes.length % 32)
    }
  }

  /** What is read from now on lies in `view`; `traceId` and `attribute` are the numbers of these fields in a record. */
  open(view: DataView, bytes: Uint8Array, traceId: number, attribute: number): void {
    this.view = view
    this.bytes = bytes
    this.traceIdTag = (traceId << 3) | BYTES
    this.attributeTag = (attribute << 3) | BYTES
  }

  /** Lets go of the bytes. */
  close(): void {
    this.view = NO_VIEW
    this.bytes = NOTHING
  }

  read(start: number, end: number): void {
    const { bytes, view, table, lengths, traceIdTag, attributeTag } = this
    this.idStart = this.idEnd = 0
    this.rank = NONE
    this.hasTrace = false
    this.isNamed = false
    let traceIdStart = 0
    let traceIdEnd = 0
    let at = start
    while (at < end) {
      // Attributes come first, as most fields are some, and one after the other.
      while (bytes[at] === attributeTag && at < end) {
        let length = bytes[at + 1]
        at += 2
        if (length > 127) {
          length = this.longVarint(at - 1)
          at = this.after
        }
        const keyLength = bytes[at + 1]
        if (bytes[at] !== KEY_TAG || keyLength > 127) this.readAttribute(at, at + length)
        else if ((lengths[bytes[at + 1 + keyLength]] & (1 << keyLength)) !== 0) {
          const key = table.find(view, at + 2, keyLength)
          if (key >= 0 && !this.readPlain(key, at + 2 + keyLength, at + length)) this.readAttribute(at, at + length)
        }
        at += length
      }
      if (at >= end) break
      let tag = bytes[at++]
      if (tag > 127) {
        tag = this.longVarint(at - 1)
        at = this.after
      }
      const type = tag & 7
      if (type === BYTES) {
        let length = bytes[at++]
        if (length > 127) {
          length = this.longVarint(at - 1)
          at = this.after
        }
        if (tag === traceIdTag) {
          traceIdStart = at
          traceIdEnd = at + length
        } else if (tag === attributeTag) this.readAttribute(at, at + length)
        at += length
      } else if (type === FIXED64) at += 8
      else if (type === FIXED32) at += 4
      else while (bytes[at++] > 127);
    }
    const isValid = traceIdEnd - traceIdStart === 16 && !this.isZero(traceIdStart)
    this.traceIdStart = isValid ? traceIdStart : 0
    this.traceIdEnd = isValid ? traceIdEnd : 0
    this.isRequest = this.rank >= this.correlationKeys
  }

  // The value of a key in the form that encoders write: KeyValue.value, which is a short string and nothing else. False for another form.
  private readPlain(key: number, start: number, end: number): boolean {
    const { bytes } = this
    const length = end - start - 4
    if (bytes[start] !== VALUE_TAG || bytes[start + 1] !== length + 2 || bytes[start + 2] !== STRING_TAG || bytes[start + 3] !== length)
      return false
    this.isNamed ||= key === 0
    if (key === this.traceKey) this.hasTrace = true
    else if (key < this.rank && this.isLongEnough(key, length)) {
      this.idStart = start + 4
      this.idEnd = end
      this.rank = key
    }
    return true
  }

  private isLongEnough(key: number, length: number): boolean {
    return length >= (key < this.correlationKeys ? ID_BYTES_MIN : REQUEST_ID_BYTES_MIN) && length <= ID_BYTES_MAX
  }

  private readAttribute(start: number, end: number): void {
    const { attribute, value } = this
    attribute.open(this.bytes, start, end)
    const key = this.table.find(this.view, attribute.keyStart, attribute.keyEnd - attribute.keyStart)
    if (key < 0) return
    this.isNamed ||= key === 0
    if (key === this.traceKey) this.hasTrace = true
    if (key >= this.rank || key === this.traceKey) return
    value.open(this.bytes, attribute.valueStart, attribute.valueEnd)
    // Of headers, conventions make lists; an id is the first of them.
    while (value.next()) {
      if (value.number === ARRAY_VALUE) this.firstOf(value)
      if (value.number !== STRING_VALUE || value.type !== BYTES) continue
      if (!this.isLongEnough(key, value.end - value.start)) return
      this.idStart = value.start
      this.idEnd = value.end
      this.rank = key
      return
    }
  }

  // Goes into the first value of the list.
  private firstOf(list: Fields): void {
    list.open(this.bytes, list.start, list.end)
    if (list.next() && list.number === 1 && list.type === BYTES) {
      list.open(this.bytes, list.start, list.end)
      list.next()
    }
  }

  private isZero(at: number): boolean {
    const { view } = this
    return (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) | view.getInt32(at + 12)) === 0
  }

  private longVarint(at: number): number {
    const { bytes } = this
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

const NOTHING = new Uint8Array(0)
const NO_VIEW = new DataView(NOTHING.buffer)
