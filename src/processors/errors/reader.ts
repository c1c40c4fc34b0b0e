import { AttributeReader } from '../../otlp/attributes/attribute-reader.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { scalarText, utf8 } from '../../otlp/attributes/label-text.ts'
import { BYTES, Fields } from '../../otlp/wire.ts'

export const CORRELATION: readonly string[] = [
  'correlation.id',
  'correlationId',
  'correlation_id',
  'x-correlation-id',
  'http.request.header.x-correlation-id'
]
const EXCEPTION = ['exception.type', 'exception.message', 'exception.stacktrace']
const XID = ['gpu.xid.class', 'gpu.xid.code', 'gpu.xid.meaning']
const SERVICE = 'service.name'
const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer']

const SPAN_ATTRIBUTE = 9
const EVENT_ATTRIBUTE = 3
const LOG_ATTRIBUTE = 6
/** Fields of one record that are looked at, attributes and others. */
const FIELDS_MAX = 2048
const NAME_BYTES_MAX = 256

const fields = new Fields()

/** Reads single attributes of errors by name, and what else rules ask for, without decoding. */
export class ErrorReader extends AttributeReader {
  spanName = ''
  spanKind = ''
  readonly correlation: Int32Array
  private readonly asked: Int32Array[]
  private readonly exception: Int32Array[]
  private readonly xid: Int32Array[]
  private readonly service: Int32Array

  /** `attributes` are those that `attributeText` is asked for. */
  constructor(attributes: readonly string[]) {
    const keys = new KeyTable([...EXCEPTION, ...XID, SERVICE, ...CORRELATION, ...attributes])
    super(keys)
    const numbers = (...names: readonly string[]): Int32Array => Int32Array.from(names, (name) => keys.numberOf(name))
    this.asked = attributes.map((name) => numbers(name))
    this.exception = EXCEPTION.map((name) => numbers(name))
    this.xid = XID.map((name) => numbers(name))
    this.service = numbers(SERVICE)
    this.correlation = numbers(...CORRELATION)
  }

  /** Reads a span and, unless they are both 0, one of its events, whose attributes win. */
  readSpan(start: number, end: number, eventStart: number, eventEnd: number): void {
    this.begin()
    this.readAttributes(start, end, SPAN_ATTRIBUTE)
    fields.open(this.bytes, start, end)
    for (let seen = 0; seen < FIELDS_MAX && fields.next(); seen++) {
      // Span { name = 5, kind = 6 }
      if (fields.number === 5) this.spanName = utf8(this.bytes, fields.start, Math.min(fields.end, fields.start + NAME_BYTES_MAX))
      else if (fields.number === 6) this.spanKind = KINDS[fields.low] ?? ''
    }
    if (eventEnd > 0) this.readAttributes(eventStart, eventEnd, EVENT_ATTRIBUTE)
    this.settle()
  }

  readEvent(start: number, end: number): void {
    this.begin()
    this.readAttributes(start, end, EVENT_ATTRIBUTE)
    this.settle()
  }

  readLog(start: number, end: number): void {
    this.begin()
    this.readAttributes(start, end, LOG_ATTRIBUTE)
    this.settle()
  }

  get serviceName(): string {
    return this.resourceText(this.service) ?? ''
  }

  /** By its number among those that were given to the constructor. */
  attributeText(number: number): string | undefined {
    return this.text(this.asked[number])
  }

  /** The type, message or stack trace of an exception, of the record itself; empty where it has none. */
  exceptionText(part: 'type' | 'message' | 'stacktrace', bytesMax: number): string {
    const sources = this.exception[part === 'type' ? 0 : part === 'message' ? 1 : 2]
    const index = this.isOwn(sources[0]) ? this.resolve(sources) : -1
    return index < 0 ? '' : (scalarText(this.bytes, this.valueStarts[index], this.valueEnds[index], bytesMax) ?? '')
  }

  xidText(part: 'class' | 'code' | 'meaning'): string {
    return this.ownText(this.xid[part === 'class' ? 0 : part === 'code' ? 1 : 2]) ?? ''
  }

  private begin(): void {
    this.beginSpan()
    this.bits = this.resourceBits
    this.spanName = this.spanKind = ''
  }

  private readAttributes(start: number, end: number, number: number): void {
    const list = new Fields().open(this.bytes, start, end)
    for (let seen = 0; seen < FIELDS_MAX && list.next(); seen++) {
      if (list.number === number && list.type === BYTES) this.attribute(this.bytes, list.start, list.end)
    }
  }
}
