import type { Batch } from '../../batch.ts'
import { describeText } from '../../logs/traceback.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { decode } from '../../otlp/decode.ts'
import { type RecordVisitor, walkRecords } from '../../otlp/request.ts'
import { AttributeView, equals, STATUS_ERROR } from '../../otlp/views.ts'
import { BYTES, Fields } from '../../otlp/wire.ts'
import { describeRecord, ERROR_KEYS } from './log-errors.ts'
import { ErrorReader } from './reader.ts'
import { MESSAGE_BYTES_MAX, type Origin, type Place, type Sighting, STACK_BYTES_MAX } from './sighting.ts'

const EXCEPTION = Buffer.from('exception')
const XID = Buffer.from('gpu.xid')
const SEVERITY_ERROR = 17
const TYPE_BYTES_MAX = 512
/** Exceptions of one span that are looked at; OpenTelemetry's SDKs record no more events than these. */
const PER_SPAN_MAX = 128
/** Errors that are handed on together, in the order of their times. */
const TOGETHER_MAX = 1024

// Whole tags of a Span: number << 3 | wire type.
const SPAN_EVENT = (11 << 3) | BYTES
const SPAN_STATUS = (15 << 3) | BYTES

export interface Sources {
  readonly spans: boolean
  readonly statusErrors: boolean
  readonly logs: 'exceptions' | 'errors' | 'off'
}

/** Takes errors that were found, the first ones first. What they say of bytes is gone when it returns. */
export type TakeErrors = (sightings: readonly Sighting[]) => void

/** Looks for errors in every span and every log record, at next to no cost where there are none. */
export class Finder {
  /** Exceptions on spans that have too many of them. */
  crowded = 0
  private readonly sources: Sources
  private readonly take: TakeErrors
  private readonly reader = new ErrorReader([])
  private readonly spanVisitor: RecordVisitor
  private readonly logVisitor: RecordVisitor
  private readonly fields = new Fields()
  private readonly inner = new Fields()
  private readonly attribute = new AttributeView()
  private readonly errorKeys = new KeyTable(ERROR_KEYS)
  private found: Sighting[] = []
  private receivedNano = 0
  private mayHaveExceptions = true
  // Where the walk is.
  private resourceNumber = 0
  private resources: number[] = []
  private scopes: number[] = []
  private place: Place | null = null

  constructor(sources: Sources, take: TakeErrors) {
    this.sources = sources
    this.take = take
    const head: Omit<RecordVisitor, 'record'> = {
      resourceEntry: () => {
        this.resourceNumber++
        if (this.resources.length > 0) this.resources = []
        this.place = null
      },
      resource: (_bytes, start, end) => void this.resources.push(start, end),
      scopeEntry: () => {
        if (this.scopes.length > 0) this.scopes = []
        this.place = null
      },
      scope: (_bytes, start, end) => void this.scopes.push(start, end)
    }
    this.spanVisitor = { ...head, record: (bytes, start, end) => this.span(bytes, start, end) }
    this.logVisitor = { ...head, record: (bytes, start, end) => this.log(bytes, start, end) }
  }

  find({ signal, bytes, receivedAtMs }: Batch): void {
    const { spans, statusErrors, logs } = this.sources
    if (signal === 'traces' ? !spans && !statusErrors : logs === 'off') return
    this.receivedNano = receivedAtMs * 1e6
    this.resourceNumber = 0
    this.reader.open(bytes)
    if (signal === 'logs') this.mayHaveExceptions = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(EXCEPTION)
    walkRecords(bytes, signal === 'traces' ? this.spanVisitor : this.logVisitor)
    this.handOn()
    this.reader.close()
  }

  private handOn(): void {
    const { found } = this
    if (found.length === 0) return
    this.found = []
    // Within a trace the first one is that of the innermost span.
    this.take(found.length === 1 ? found : found.sort((a, b) => a.atNano - b.atNano))
  }

  // The wire: Span { repeated events = 11, status = 15 }. Nearly all spans have neither.
  private span(bytes: Uint8Array, start: number, end: number): void {
    let at = start
    let exceptions = 0
    let status = 0
    while (at < end) {
      let tag = bytes[at++]
      if (tag > 127) {
        tag &= 127
        for (let shift = 7; ; shift += 7) {
          const byte = bytes[at++]
          tag |= (byte & 127) << shift
          if (byte < 128) break
        }
      }
      switch (tag & 7) {
        case BYTES: {
          let length = bytes[at++]
          if (length > 127) {
            length &= 127
            for (let shift = 7; ; shift += 7) {
              const byte = bytes[at++]
              length |= (byte & 127) << shift
              if (byte < 128) break
            }
          }
          if (tag === SPAN_EVENT) {
            if (this.sources.spans && this.isException(bytes, at, at + length) && ++exceptions <= PER_SPAN_MAX)
              this.event(bytes, start, end, at, at + length)
          } else if (tag === SPAN_STATUS && this.sources.statusErrors) status = this.statusOf(bytes, at, at + length, status)
          at += length
          break
        }
        case 0:
          while (bytes[at++] > 127);
          break
        case 1:
          at += 8
          break
        default:
          at += 4
      }
    }
    this.crowded += Math.max(0, exceptions - PER_SPAN_MAX)
    if (status === STATUS_ERROR && exceptions === 0) this.failure(bytes, start, end)
  }

  private isException(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < EXCEPTION.length) return false
    const { inner } = this
    let is = false
    inner.open(bytes, start, end)
    // SpanEvent { name = 2 }
    while (inner.next()) if (inner.number === 2 && inner.type === BYTES) is = equals(bytes, inner.start, inner.end, EXCEPTION)
    return is
  }

  private statusOf(bytes: Uint8Array, start: number, end: number, before: number): number {
    const { inner } = this
    let code = before
    inner.open(bytes, start, end)
    // Status { code = 3 }
    while (inner.next()) if (inner.number === 3) code = inner.low
    return code
  }

  private event(bytes: Uint8Array, start: number, end: number, eventStart: number, eventEnd: number): void {
    const { reader } = this
    reader.readEvent(eventStart, eventEnd)
    this.see(bytes, 'span_event', start, end, {
      eventStart,
      eventEnd,
      // SpanEvent { time_unix_nano = 1 }
      atNano: this.timeAt(bytes, eventStart, eventEnd, 1) || this.timeAt(bytes, start, end, 8),
      type: reader.exceptionText('type', TYPE_BYTES_MAX),
      message: reader.exceptionText('message', MESSAGE_BYTES_MAX),
      stacktrace: reader.exceptionText('stacktrace', STACK_BYTES_MAX),
      isDescribed: false
    })
  }

  // A span that failed and recorded no exception: its status says why.
  private failure(bytes: Uint8Array, start: number, end: number): void {
    const { inner } = this
    let message = ''
    inner.open(bytes, start, end)
    while (inner.next()) {
      if (inner.number === 15) message = decode('Status', bytes, inner.start, inner.end).message ?? message
    }
    this.see(bytes, 'span_event', start, end, {
      eventStart: 0,
      eventEnd: 0,
      atNano: this.timeAt(bytes, start, end, 8),
      type: '',
      message: message.slice(0, MESSAGE_BYTES_MAX),
      stacktrace: '',
      isDescribed: true
    })
  }

  // The wire: LogRecord { severity_number = 2, body = 5, attributes = 6, event_name = 12 }
  private log(bytes: Uint8Array, start: number, end: number): void {
    const { fields } = this
    let severity = 0
    let bodyStart = 0
    let bodyEnd = 0
    let nameStart = 0
    let nameEnd = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      const { number } = fields
      if (number === 2) severity = fields.low
      else if (number === 5) {
        bodyStart = fields.start
        bodyEnd = fields.end
      } else if (number === 12) {
        nameStart = fields.start
        nameEnd = fields.end
      }
    }
    const isError = severity >= SEVERITY_ERROR
    if (this.mayHaveExceptions && this.exceptionInLog(bytes, start, end, equals(bytes, nameStart, nameEnd, EXCEPTION))) return
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
    if (isError && this.sources.logs === 'errors') {
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
    this.see(bytes, 'log', start, end, {
      eventStart: 0,
      eventEnd: 0,
      atNano: this.timeAt(bytes, start, end, 1) || this.timeAt(bytes, start, end, 11),
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
    const atNano = this.timeAt(bytes, start, end, 1) || this.timeAt(bytes, start, end, 11)
    this.see(bytes, 'log', start, end, { eventStart: 0, eventEnd: 0, atNano, ...exception, isDescribed: true })
  }

  // A stack trace has lines; Rust writes a panic on one.
  private hasLines(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < 40) return false
    const body = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, STACK_BYTES_MAX))
    return body.includes(10) || body.includes(' panicked at ')
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

  private see(
    bytes: Uint8Array,
    origin: Origin,
    start: number,
    end: number,
    what: Omit<Sighting, 'origin' | 'place' | 'start' | 'end' | 'traceId'>
  ): void {
    this.place ??= { resourceNumber: this.resourceNumber, resources: this.resources, scopes: this.scopes }
    const traceId = idOf(bytes, start, end, origin === 'log' ? 9 : 1, this.inner)
    const atNano = what.atNano || this.receivedNano
    const told = what.stacktrace !== '' && (what.type === '' || what.message === '') ? describeText(what.stacktrace) : null
    const type = what.type || told?.type || ''
    const message = what.message || told?.message || ''
    const isDescribed = what.isDescribed || told !== null
    this.found.push({ ...what, origin, place: this.place, start, end, traceId, atNano, type, message, isDescribed })
    if (this.found.length >= TOGETHER_MAX) this.handOn()
  }

  private timeAt(bytes: Uint8Array, start: number, end: number, number: number): number {
    const { inner, reader } = this
    let nanos = 0
    inner.open(bytes, start, end)
    while (inner.next()) {
      if (inner.number === number)
        nanos = reader.view.getUint32(inner.start + 4, true) * 0x1_0000_0000 + reader.view.getUint32(inner.start, true)
    }
    return nanos
  }
}

// Hex digits; empty where it is absent, or all zeros, which no trace has.
function idOf(bytes: Uint8Array, start: number, end: number, number: number, fields: Fields): string {
  let id = ''
  fields.open(bytes, start, end)
  while (fields.next()) {
    if (fields.number === number) id = Buffer.from(bytes.buffer, bytes.byteOffset + fields.start, fields.end - fields.start).toString('hex')
  }
  return /[1-9a-f]/.test(id) ? id : ''
}
