import { MsgpackFault } from '../../msgpack/frame.ts'
import type { MsgpackReader } from '../../msgpack/reader.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'

/**
 * One span as a tracer sent it: its numbers, and where in the request its texts lie. Made once and filled again for the next span, since there are a
 * hundred thousand a second.
 */
export class SpanFields {
  /** Where texts lie: a start and an end each. */
  readonly service = new Range()
  readonly name = new Range()
  readonly resource = new Range()
  readonly type = new Range()
  readonly traceId = new Wide()
  readonly spanId = new Wide()
  readonly parentId = new Wide()
  readonly start = new Wide()
  readonly duration = new Wide()
  isError = false
  /** Texts by key: of each pair the start and the end of the key, then of the value. */
  readonly meta: number[] = []
  /** Numbers by key: the start and the end of the key, and the number. */
  readonly metrics: number[] = []
  /** Where the lists of links and events begin that are no texts; -1 where there are none. */
  linksAt = -1
  eventsAt = -1
  /** What is left out: structures in msgpack, which no destination reads, and tags above TAGS_MAX. */
  dropped = 0

  addTag(keyStart: number, keyEnd: number, start: number, end: number): void {
    if (this.meta.length < 4 * TAGS_MAX) this.meta.push(keyStart, keyEnd, start, end)
    else this.dropped++
  }

  addMetric(keyStart: number, keyEnd: number, value: number): void {
    if (this.metrics.length < 3 * TAGS_MAX) this.metrics.push(keyStart, keyEnd, value)
    else this.dropped++
  }

  reset(): void {
    this.service.set(0, 0)
    this.name.set(0, 0)
    this.resource.set(0, 0)
    this.type.set(0, 0)
    this.traceId.set(0, 0)
    this.spanId.set(0, 0)
    this.parentId.set(0, 0)
    this.start.set(0, 0)
    this.duration.set(0, 0)
    this.isError = false
    this.meta.length = 0
    this.metrics.length = 0
    this.linksAt = -1
    this.eventsAt = -1
    this.dropped = 0
  }
}

/** Tags of one span, and metrics; what is more is counted in the span as dropped attributes. */
const TAGS_MAX = 4096
/** The Agent cuts the names of services, operations and types at a hundred characters. */
const NAME_BYTES_MAX = 400

export class Range {
  start = 0
  end = 0

  set(start: number, end: number): void {
    this.start = start
    this.end = end
  }
}

/** A number of 64 bits in two unsigned halves. */
export class Wide {
  high = 0
  low = 0

  set(high: number, low: number): void {
    this.high = high
    this.low = low
  }

  get isZero(): boolean {
    return (this.high | this.low) === 0
  }
}

const NAMES = [
  ...['service', 'name', 'resource', 'type', 'trace_id', 'span_id', 'parent_id', 'start', 'duration', 'error'],
  ...['meta', 'metrics', 'span_links', 'span_events', 'meta_struct']
]
const FIELDS = new KeyTable(NAMES)
const SERVICE = FIELDS.numberOf('service')
const NAME = FIELDS.numberOf('name')
const RESOURCE = FIELDS.numberOf('resource')
const TYPE = FIELDS.numberOf('type')
const TRACE_ID = FIELDS.numberOf('trace_id')
const SPAN_ID = FIELDS.numberOf('span_id')
const PARENT_ID = FIELDS.numberOf('parent_id')
const START = FIELDS.numberOf('start')
const DURATION = FIELDS.numberOf('duration')
const ERROR = FIELDS.numberOf('error')
const META = FIELDS.numberOf('meta')
const METRICS = FIELDS.numberOf('metrics')
const SPAN_LINKS = FIELDS.numberOf('span_links')
const SPAN_EVENTS = FIELDS.numberOf('span_events')
const META_STRUCT = FIELDS.numberOf('meta_struct')

// The wire, v0.4: a map { service, name, resource, type: text, trace_id, span_id, parent_id: uint, start, duration: int (ns), error: int,
// meta { text: text }, metrics { text: double }, meta_struct { text: bytes }, span_links [map], span_events [map] }. Tracers leave out what is
// empty, or say nil.
/** Reads one span of version 0.4; `view` shows the request. Throws MsgpackFault where it is none. */
export function readSpanMap(reader: MsgpackReader, view: DataView, span: SpanFields): void {
  span.reset()
  const pairs = reader.map()
  if (pairs < 0) throw new MsgpackFault('a span that is no map')
  for (let left = pairs; left > 0; left--) {
    if (!reader.content()) throw new MsgpackFault('a key of a span that is no text')
    switch (FIELDS.find(view, reader.start, reader.stop - reader.start)) {
      case SERVICE:
        readText(reader, span.service, NAME_BYTES_MAX)
        break
      case NAME:
        readText(reader, span.name, NAME_BYTES_MAX)
        break
      case RESOURCE:
        readText(reader, span.resource, Number.POSITIVE_INFINITY)
        break
      case TYPE:
        readText(reader, span.type, NAME_BYTES_MAX)
        break
      case TRACE_ID:
        readWide(reader, span.traceId)
        break
      case SPAN_ID:
        readWide(reader, span.spanId)
        break
      case PARENT_ID:
        readWide(reader, span.parentId)
        break
      case START:
        readWide(reader, span.start)
        break
      case DURATION:
        readWide(reader, span.duration)
        break
      case ERROR:
        readWide(reader, scratch)
        span.isError = !scratch.isZero
        break
      case META:
        readMeta(reader, span)
        break
      case METRICS:
        readMetrics(reader, span)
        break
      case SPAN_LINKS:
        span.linksAt = reader.pos
        reader.skip()
        break
      case SPAN_EVENTS:
        span.eventsAt = reader.pos
        reader.skip()
        break
      case META_STRUCT:
        span.dropped += countPairs(reader)
        break
      default:
        reader.skip()
    }
  }
}

const scratch = new Wide()

function readText(reader: MsgpackReader, range: Range, bytesMax: number): void {
  if (reader.content()) range.set(reader.start, Math.min(reader.stop, reader.start + bytesMax))
  else if (!reader.nil()) throw new MsgpackFault('a field of a span that is no text')
}

function readWide(reader: MsgpackReader, wide: Wide): void {
  if (reader.integer()) wide.set(reader.high, reader.low)
  else if (!reader.nil()) throw new MsgpackFault('a field of a span that is no number')
}

function readMeta(reader: MsgpackReader, span: SpanFields): void {
  for (let left = pairsOf(reader); left > 0; left--) {
    if (!reader.content()) throw new MsgpackFault('a tag whose name is no text')
    const { start, stop } = reader
    if (reader.content()) span.addTag(start, stop, reader.start, reader.stop)
    else if (!reader.nil()) throw new MsgpackFault('a tag that is no text')
  }
}

function readMetrics(reader: MsgpackReader, span: SpanFields): void {
  for (let left = pairsOf(reader); left > 0; left--) {
    if (!reader.content()) throw new MsgpackFault('a metric whose name is no text')
    const { start, stop } = reader
    const value = reader.double()
    if (value !== undefined) span.addMetric(start, stop, value)
    else if (!reader.nil()) throw new MsgpackFault('a metric that is no number')
  }
}

function countPairs(reader: MsgpackReader): number {
  const at = reader.pos
  const pairs = pairsOf(reader)
  reader.pos = at
  reader.skip()
  return pairs
}

function pairsOf(reader: MsgpackReader): number {
  const pairs = reader.map()
  if (pairs < 0 && !reader.nil()) throw new MsgpackFault('tags that are no map')
  return pairs
}

/** Texts of one request of version 0.5 are at most so many. */
const TEXTS_MAX = 2 ** 20

/** All texts of a request of version 0.5, which its spans name by number. */
export class TextTable {
  // The start and the end of each.
  private ranges = new Int32Array(2048)
  private count = 0

  read(reader: MsgpackReader): void {
    const texts = reader.array()
    if (texts < 0) throw new MsgpackFault('a table of texts that is no list')
    if (texts > TEXTS_MAX) throw new MsgpackFault(`a table of more than ${TEXTS_MAX} texts`)
    this.count = texts
    if (this.ranges.length < 2 * texts || this.ranges.length > 64 * 1024) this.ranges = new Int32Array(Math.max(2048, 2 * texts))
    for (let i = 0; i < texts; i++) {
      if (reader.content()) {
        this.ranges[2 * i] = reader.start
        this.ranges[2 * i + 1] = reader.stop
      } else if (reader.nil()) this.ranges[2 * i] = this.ranges[2 * i + 1] = 0
      else throw new MsgpackFault('a text of the table that is none')
    }
  }

  // The wire, v0.5: a list [service, name, resource: text, trace_id, span_id, parent_id, start, duration, error: int, meta { text: text },
  // metrics { text: double }, type: text], where a text is its number in the table.
  /** Reads one span of version 0.5. Throws MsgpackFault where it is none. */
  readSpan(reader: MsgpackReader, span: SpanFields): void {
    span.reset()
    const fields = reader.array()
    if (fields !== 12) throw new MsgpackFault('a span that is no list of 12 fields')
    this.name(reader, span.service)
    this.name(reader, span.name)
    this.text(reader, span.resource)
    readWide(reader, span.traceId)
    readWide(reader, span.spanId)
    readWide(reader, span.parentId)
    readWide(reader, span.start)
    readWide(reader, span.duration)
    readWide(reader, scratch)
    span.isError = !scratch.isZero
    for (let left = pairsOf(reader); left > 0; left--) {
      this.text(reader, key)
      this.text(reader, value)
      span.addTag(key.start, key.end, value.start, value.end)
    }
    for (let left = pairsOf(reader); left > 0; left--) {
      this.text(reader, key)
      const number = reader.double()
      if (number === undefined) throw new MsgpackFault('a metric that is no number')
      span.addMetric(key.start, key.end, number)
    }
    this.name(reader, span.type)
  }

  private name(reader: MsgpackReader, range: Range): void {
    this.text(reader, range)
    range.end = Math.min(range.end, range.start + NAME_BYTES_MAX)
  }

  private text(reader: MsgpackReader, range: Range): void {
    if (!reader.integer() || reader.high !== 0 || reader.low >= this.count) throw new MsgpackFault('a text that is not in the table')
    range.set(this.ranges[2 * reader.low], this.ranges[2 * reader.low + 1])
  }
}

const key = new Range()
const value = new Range()
