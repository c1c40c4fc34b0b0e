import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { decode } from '../../otlp/decode.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { Fields } from '../../otlp/wire.ts'
import { describeRecord, ERROR_KEYS } from './described.ts'
import type { ErrorReader } from './reader.ts'
import { MESSAGE_BYTES_MAX, STACK_BYTES_MAX, TYPE_BYTES_MAX } from './sighting.ts'
import type { Sightings } from './sightings.ts'

const EXCEPTION = Buffer.from('exception')
const XID = Buffer.from('gpu.xid')
const PANICKED = Buffer.from(' panicked at ')
const LINE_END = 10
const SEVERITY_ERROR = 17
/** No stack trace is shorter. */
const TRACE_BYTES_MIN = 32

/** Looks for errors in log records: what they say of exceptions, by their attributes or in their text. */
export class LogErrors {
  /** Whether all records from ERROR up count. */
  private readonly all: boolean
  private readonly sightings: Sightings
  private readonly reader: ErrorReader
  private readonly fields = new Fields()
  private readonly inner = new Fields()
  private readonly attribute = new AttributeView()
  private readonly errorKeys = new KeyTable(ERROR_KEYS)

  constructor(all: boolean, sightings: Sightings, reader: ErrorReader) {
    this.all = all
    this.sightings = sightings
    this.reader = reader
  }

  // The wire: LogRecord { severity_number = 2, body = 5, attributes = 6, event_name = 12 }
  look(bytes: Uint8Array, start: number, end: number): void {
    const { fields } = this
    let severity = 0
    let bodyStart = 0
    let bodyEnd = 0
    let nameStart = 0
    let nameEnd = 0
    let mayHaveException = false
    fields.open(bytes, start, end)
    while (fields.next()) {
      switch (fields.number) {
        case 2:
          severity = fields.low
          break
        case 5:
          bodyStart = fields.start
          bodyEnd = fields.end
          break
        case 6:
          mayHaveException ||= mayBeException(bytes, fields.start, fields.end)
          break
        case 12:
          nameStart = fields.start
          nameEnd = fields.end
      }
    }
    const isNamed = equals(bytes, nameStart, nameEnd, EXCEPTION)
    const isError = severity >= SEVERITY_ERROR
    if ((mayHaveException || isNamed) && this.exceptionInLog(bytes, start, end, isNamed)) return
    if (!isError && severity !== 0) return
    if (isError && equals(bytes, nameStart, nameEnd, XID) && this.xid(bytes, start, end)) return
    const isTextLikely = this.hasLines(bytes, bodyStart, bodyEnd)
    if (isTextLikely || (isError && this.hasErrorField(bytes, start, end, bodyStart, bodyEnd))) {
      const described = describeRecord(bytes, start, end, isTextLikely)
      if (described !== null) {
        this.seeLog(bytes, start, end, described)
        return
      }
    }
    if (isError && this.all) {
      const { body } = decode('LogRecord', bytes, start, end)
      this.seeLog(bytes, start, end, { type: '', message: (body?.stringValue ?? '').slice(0, MESSAGE_BYTES_MAX), stacktrace: '' })
    }
  }

  private exceptionInLog(bytes: Uint8Array, start: number, end: number, isNamed: boolean): boolean {
    const { reader } = this
    reader.readLog(start, end)
    const type = reader.exceptionText('type', TYPE_BYTES_MAX)
    const message = reader.exceptionText('message', MESSAGE_BYTES_MAX)
    const stacktrace = reader.exceptionText('stacktrace', STACK_BYTES_MAX)
    if (!isNamed && type === '' && message === '' && stacktrace === '') return false
    this.sightings.see(bytes, 'log', start, end, {
      eventStart: 0,
      eventEnd: 0,
      atNano: this.sightings.timeAt(bytes, start, end, 1) || this.sightings.timeAt(bytes, start, end, 11),
      type,
      message,
      stacktrace,
      isDescribed: false
    })
    return true
  }

  // What the driver says of a GPU that failed; what a program did to itself is the program's error.
  private xid(bytes: Uint8Array, start: number, end: number): boolean {
    const { reader } = this
    reader.readLog(start, end)
    const kind = reader.xidText('class')
    if (kind !== 'gpu' && kind !== 'lost') return false
    const body = decode('LogRecord', bytes, start, end).body?.stringValue ?? ''
    const code = reader.xidText('code')
    const message = reader.xidText('meaning') || body
    this.seeLog(bytes, start, end, {
      type: code === '' ? 'Xid' : `Xid ${code}`,
      message: message.slice(0, MESSAGE_BYTES_MAX),
      stacktrace: ''
    })
    return true
  }

  private seeLog(bytes: Uint8Array, start: number, end: number, exception: { type: string; message: string; stacktrace: string }): void {
    const atNano = this.sightings.timeAt(bytes, start, end, 1) || this.sightings.timeAt(bytes, start, end, 11)
    this.sightings.see(bytes, 'log', start, end, { eventStart: 0, eventEnd: 0, atNano, ...exception, isDescribed: true })
  }

  // A stack trace has lines; Rust writes a panic on one.
  private hasLines(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < TRACE_BYTES_MIN) return false
    const { inner } = this
    inner.open(bytes, start, end)
    while (inner.next()) {
      // AnyValue { string_value = 1 }
      if (inner.number !== 1) continue
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + inner.start, Math.min(inner.end - inner.start, STACK_BYTES_MAX))
      if (text.includes(LINE_END) || text.includes(PANICKED)) return true
    }
    return false
  }

  private hasErrorField(bytes: Uint8Array, start: number, end: number, bodyStart: number, bodyEnd: number): boolean {
    const { fields, attribute, errorKeys, reader } = this
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number !== 6) continue
      attribute.open(bytes, fields.start, fields.end)
      if (errorKeys.find(reader.view, attribute.keyStart, attribute.keyEnd - attribute.keyStart) >= 0) return true
    }
    // AnyValue { kvlist_value = 6 }
    fields.open(bytes, bodyStart, bodyEnd)
    while (fields.next()) if (fields.number === 6) return true
    return false
  }
}

// Whether the key of a KeyValue in the form that encoders write begins with `ex`; also for any other form. Few keys do.
function mayBeException(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > 4 && (bytes[start] !== 0x0a || bytes[start + 1] > 127 || (bytes[start + 2] === 0x65 && bytes[start + 3] === 0x78))
}
