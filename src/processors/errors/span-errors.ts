import { decode } from '../../otlp/decode.ts'
import { equals, STATUS_ERROR } from '../../otlp/views.ts'
import { BYTES, Fields } from '../../otlp/wire.ts'
import type { ErrorReader } from './reader.ts'
import { MESSAGE_BYTES_MAX, STACK_BYTES_MAX, TYPE_BYTES_MAX } from './sighting.ts'
import type { Sightings } from './sightings.ts'

const EXCEPTION = Buffer.from('exception')
/** Exceptions of one span that are looked at; OpenTelemetry's SDKs record no more events than these. */
const PER_SPAN_MAX = 128

// Whole tags of a Span: number << 3 | wire type.
const SPAN_EVENT = (11 << 3) | BYTES
const SPAN_STATUS = (15 << 3) | BYTES

/** Looks for exceptions that are recorded on spans. */
export class SpanErrors {
  /** Exceptions on spans that have too many of them. */
  crowded = 0
  private readonly spans: boolean
  private readonly statusErrors: boolean
  private readonly sightings: Sightings
  private readonly reader: ErrorReader
  private readonly inner = new Fields()

  constructor({ spans, statusErrors }: { spans: boolean; statusErrors: boolean }, sightings: Sightings, reader: ErrorReader) {
    this.spans = spans
    this.statusErrors = statusErrors
    this.sightings = sightings
    this.reader = reader
  }

  // The wire: Span { repeated events = 11, status = 15 }. Nearly all spans have neither.
  look(bytes: Uint8Array, start: number, end: number): void {
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
            if (this.spans && this.isException(bytes, at, at + length) && ++exceptions <= PER_SPAN_MAX)
              this.event(bytes, start, end, at, at + length)
          } else if (tag === SPAN_STATUS && this.statusErrors) status = this.statusOf(bytes, at, at + length, status)
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
    this.sightings.see(bytes, 'span_event', start, end, {
      eventStart,
      eventEnd,
      // SpanEvent { time_unix_nano = 1 }
      atNano: this.sightings.timeAt(bytes, eventStart, eventEnd, 1) || this.sightings.timeAt(bytes, start, end, 8),
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
    this.sightings.see(bytes, 'span_event', start, end, {
      eventStart: 0,
      eventEnd: 0,
      atNano: this.sightings.timeAt(bytes, start, end, 8),
      type: '',
      message: message.slice(0, MESSAGE_BYTES_MAX),
      stacktrace: '',
      isDescribed: true
    })
  }
}
