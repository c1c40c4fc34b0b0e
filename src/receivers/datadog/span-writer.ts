import { MsgpackReader } from '../../msgpack/reader.ts'
import { encode } from '../../otlp/encode.ts'
import { BYTES, FIXED64, VARINT } from '../../otlp/wire.ts'
import { AttributeWriter } from './attribute-writer.ts'
import type { ChunkFacts } from './chunk-facts.ts'
import { eventsOf, LISTED_MAX, linksOf, parseList } from './links-events.ts'
import { Range, type SpanFields } from './span-fields.ts'
import { isCommand, isDatabase, isNamedByResource, isQuery, kindOf, systemOf } from './span-kind.ts'
import { SpanTimes } from './span-times.ts'
import * as rules from './tag-rules.ts'
import { Texts } from './texts.ts'

// The wire: ScopeSpans { repeated Span = 2 }, Span { trace_id = 1, span_id = 2, trace_state = 3, parent_span_id = 4, name = 5, kind = 6,
// fixed64 start_time_unix_nano = 7, fixed64 end_time_unix_nano = 8, repeated KeyValue attributes = 9, dropped_attributes_count = 10, repeated Event
// events = 11, dropped_events_count = 12, repeated Link links = 13, dropped_links_count = 14, Status status = 15 }
// Event { fixed64 time_unix_nano = 1, name = 2, repeated KeyValue attributes = 3 }, Status { message = 2, code = 3 }
const SPAN = (2 << 3) | BYTES
const TRACE_ID = (1 << 3) | BYTES
const SPAN_ID = (2 << 3) | BYTES
const TRACE_STATE = (3 << 3) | BYTES
const PARENT_SPAN_ID = (4 << 3) | BYTES
const NAME = (5 << 3) | BYTES
const KIND = (6 << 3) | VARINT
const START_TIME = (7 << 3) | FIXED64
const END_TIME = (8 << 3) | FIXED64
const ATTRIBUTE = (9 << 3) | BYTES
const DROPPED_ATTRIBUTES = (10 << 3) | VARINT
const EVENT = (11 << 3) | BYTES
const DROPPED_EVENTS = (12 << 3) | VARINT
const LINK = (13 << 3) | BYTES
const DROPPED_LINKS = (14 << 3) | VARINT
const STATUS = (15 << 3) | BYTES
const EVENT_TIME = (1 << 3) | FIXED64
const EVENT_NAME = (2 << 3) | BYTES
const EVENT_ATTRIBUTE = (3 << 3) | BYTES
const STATUS_MESSAGE = (2 << 3) | BYTES
const STATUS_CODE = (3 << 3) | VARINT
const STATUS_ERROR = 2

const NUMBER = /^\d{1,15}$/
const TRACE_STATE_MAX = 512
const KIND_BYTES_MAX = 16
/** Larger lists are left as the tags that they came as. */
const LIST_BYTES_MAX = 64 * 1024

/** Writes spans of tracers as OTLP, one after the other into `out`. */
export class SpanWriter {
  readonly out = new AttributeWriter()
  /** Bytes of lists that were read; the texts of one request may name one list many times. */
  listBytes = 0
  private readonly rules = new rules.TagRules()
  private readonly targets = {
    operation: this.rules.target('operation.name'),
    resource: this.rules.target('resource.name'),
    type: this.rules.target('span.type'),
    priority: this.rules.target('sampling.priority'),
    topLevel: this.rules.target('_dd.top_level'),
    system: this.rules.target('db.system.name'),
    query: this.rules.target('db.query.text'),
    errorType: this.rules.target('error.type'),
    exceptionType: this.rules.target('exception.type'),
    exceptionMessage: this.rules.target('exception.message'),
    exceptionStack: this.rules.target('exception.stacktrace')
  }
  readonly texts = new Texts()
  private readonly times = new SpanTimes()
  private readonly reader = new MsgpackReader()
  // What the tags of the span that is written say, beside attributes.
  private readonly kind = new Range()
  private readonly system = new Range()
  private readonly errorType = new Range()
  private readonly errorMessage = new Range()
  private readonly errorStack = new Range()
  private readonly links = new Range()
  private readonly events = new Range()
  private readonly traceState = new Range()
  private readonly byRole: (Range | undefined)[] = []

  constructor() {
    this.byRole[rules.KIND] = this.kind
    this.byRole[rules.DATABASE] = this.system
    this.byRole[rules.ERROR_TYPE] = this.errorType
    this.byRole[rules.ERROR_MESSAGE] = this.errorMessage
    this.byRole[rules.ERROR_STACK] = this.errorStack
    this.byRole[rules.LINKS] = this.links
    this.byRole[rules.EVENTS] = this.events
    this.byRole[rules.TRACE_STATE] = this.traceState
  }

  /** Turns to a request, or, with an empty one, lets go of it. */
  open(request: Buffer): void {
    const { out } = this
    out.turnTo(request)
    out.open()
    this.listBytes = 0
    if (request.length > 0) return
    out.release()
    this.rules.close()
    this.texts.close()
    this.reader.open(request, 0, 0)
  }

  /** Writes one span. `tellsTopLevel`: whether it is to say that it enters a service. */
  write(span: SpanFields, chunk: ChunkFacts, isTopLevel: boolean, tellsTopLevel: boolean, receivedAtMs: number): void {
    const { out } = this
    const { from, view } = out
    out.span++
    const start = out.openLength(SPAN)
    this.ids(span, chunk)
    const attributes = this.readTags(span)
    const type = this.texts.of(from, view, span.type)
    const operation = this.texts.of(from, view, span.name)
    const { resource } = span
    const kind = kindOf(
      this.kind.end - this.kind.start > KIND_BYTES_MAX ? '' : this.texts.of(from, view, this.kind),
      type,
      operation,
      isTopLevel
    )
    const { start: nameStart, end: nameEnd } = this.nameOf(span, type)
    if (nameEnd > nameStart) out.text(NAME, nameStart, nameEnd)
    else out.string(NAME, 'unnamed')
    out.reserve(32)
    out.varint(KIND)
    out.varint(kind)
    const { startHigh, startLow, endHigh, endLow } = this.times.read(span, receivedAtMs)
    out.fixed64(START_TIME, startHigh, startLow)
    out.fixed64(END_TIME, endHigh, endLow)
    this.names(type, operation, resource)
    const wish = chunk.wish
    if (wish !== undefined) out.numberAttribute(ATTRIBUTE, this.targets.priority, wish)
    this.database(type, operation, resource)
    this.tags(span, attributes)
    for (let i = 0; i < span.metrics.length; i += 3) this.metric(span.metrics[i], span.metrics[i + 1], span.metrics[i + 2])
    if (tellsTopLevel && isTopLevel) out.numberAttribute(ATTRIBUTE, this.targets.topLevel, 1)
    if (span.dropped > 0) this.count(DROPPED_ATTRIBUTES, span.dropped)
    this.lists(span)
    if (span.isError) this.status()
    out.closeLength(start)
  }

  private ids(span: SpanFields, chunk: ChunkFacts): void {
    const { out } = this
    const { traceIdHigh } = chunk
    out.reserve(64)
    out.varint(TRACE_ID)
    out.varint(16)
    this.big(traceIdHigh.high, traceIdHigh.low)
    this.big(span.traceId.high, span.traceId.low)
    out.varint(SPAN_ID)
    out.varint(8)
    this.big(span.spanId.high, span.spanId.low)
    if (span.parentId.isZero) return
    out.varint(PARENT_SPAN_ID)
    out.varint(8)
    this.big(span.parentId.high, span.parentId.low)
  }

  private big(high: number, low: number): void {
    const { out } = this
    out.bytes.writeUInt32BE(high, out.length)
    out.bytes.writeUInt32BE(low, out.length + 4)
    out.length += 8
  }

  // Finds what tags are for. Gives the rules of those that are attributes, at the places of the tags.
  private readTags({ meta }: SpanFields): readonly (rules.TagRule | undefined)[] {
    const { from, view } = this.out
    for (let role = 0; role < this.byRole.length; role++) this.byRole[role]?.set(0, 0)
    const found = this.found
    found.length = 0
    for (let i = 0; i < meta.length; i += 4) {
      const rule = this.rules.find(from, view, meta[i], meta[i + 1])
      const range = this.byRole[rule.role]
      if (range !== undefined && range.end === 0) range.set(meta[i + 2], meta[i + 3])
      found.push(rule.role === rules.ATTRIBUTE || rule.role === rules.WHOLE ? rule : undefined)
    }
    return found
  }

  private readonly found: (rules.TagRule | undefined)[] = []

  private nameOf({ name, resource }: SpanFields, type: string): Range {
    const { from } = this.out
    if (resource.end === resource.start) return name
    if (name.end === name.start || isNamedByResource(type)) return resource
    return isCommand(type) && !/\s/.test(from.toString('latin1', resource.start, resource.end)) ? resource : name
  }

  private names(type: string, operation: string, { start, end }: Range): void {
    const { out, targets } = this
    if (operation !== '') out.stringAttribute(ATTRIBUTE, targets.operation, operation)
    // The text of a query is told as one, so that what is private in it is treated as in any other.
    if (end > start && !isQuery(type)) out.attribute(ATTRIBUTE, targets.resource, start, end)
    if (type !== '') out.stringAttribute(ATTRIBUTE, targets.type, type)
  }

  private database(type: string, operation: string, { start, end }: Range): void {
    const { out, system, targets } = this
    const told = out.from.toString('utf8', system.start, system.end)
    if (told === '' && !isDatabase(type)) return
    const name = told === '' ? systemOf(type, operation) : told
    if (name !== 'cache' && name !== 'db') out.stringAttribute(ATTRIBUTE, targets.system, rules.databaseName(name))
    if (isQuery(type) && end > start) out.attribute(ATTRIBUTE, targets.query, start, end)
  }

  private tags({ meta }: SpanFields, found: readonly (rules.TagRule | undefined)[]): void {
    const { out } = this
    for (let i = 0; i < found.length; i++) {
      const rule = found[i]
      if (rule === undefined) continue
      const start = meta[4 * i + 2]
      const end = meta[4 * i + 3]
      if (rule.role === rules.WHOLE && end - start < 16) {
        const text = out.from.toString('latin1', start, end)
        if (NUMBER.test(text)) {
          out.numberAttribute(ATTRIBUTE, rule.target, Number(text))
          continue
        }
      }
      out.attribute(ATTRIBUTE, rule.target, start, end)
    }
    const { errorType } = this
    if (errorType.end > errorType.start) out.attribute(ATTRIBUTE, this.targets.errorType, errorType.start, errorType.end)
  }

  private metric(start: number, end: number, value: number): void {
    const { out } = this
    const { role, target } = this.rules.find(out.from, out.view, start, end)
    if (role === rules.ATTRIBUTE || role === rules.WHOLE) out.numberAttribute(ATTRIBUTE, target, value)
  }

  private count(tag: number, value: number): void {
    this.out.reserve(32)
    this.out.varint(tag)
    this.out.varint(Math.min(value, 0xffff_ffff))
  }

  private lists(span: SpanFields): void {
    const { out, links, events, traceState } = this
    if (traceState.end > traceState.start && traceState.end - traceState.start <= TRACE_STATE_MAX)
      out.text(TRACE_STATE, traceState.start, traceState.end)
    const linkList = this.listAt(span.linksAt) ?? this.listIn(links)
    for (const link of linksOf(linkList)) this.message(LINK, encode('SpanLink', link))
    if (linkList !== undefined && linkList.length > LISTED_MAX) this.count(DROPPED_LINKS, linkList.length - LISTED_MAX)
    const eventList = this.listAt(span.eventsAt) ?? this.listIn(events)
    let isTold = false
    for (const event of eventsOf(eventList)) {
      if (event.name === 'exception') isTold = true
      this.message(EVENT, encode('SpanEvent', event))
    }
    if (eventList !== undefined && eventList.length > LISTED_MAX) this.count(DROPPED_EVENTS, eventList.length - LISTED_MAX)
    if (!isTold) this.exception()
  }

  private message(tag: number, bytes: Buffer): void {
    this.out.raw(tag, bytes, 0, bytes.length)
  }

  private listAt(at: number): unknown[] | undefined {
    if (at < 0) return undefined
    const { from } = this.out
    const value: unknown = this.reader.open(from, at, from.length).value()
    return Array.isArray(value) ? value : undefined
  }

  private listIn({ start, end }: Range): unknown[] | undefined {
    if (end === start || end - start > LIST_BYTES_MAX) return undefined
    this.listBytes += end - start
    return parseList(this.out.from.toString('utf8', start, end))
  }

  private exception(): void {
    const { out, errorType, errorMessage, errorStack, targets } = this
    if (errorMessage.end === errorMessage.start && errorStack.end === errorStack.start) return
    const event = out.openLength(EVENT)
    out.fixed64(EVENT_TIME, this.times.endHigh, this.times.endLow)
    out.string(EVENT_NAME, 'exception')
    if (errorType.end > errorType.start) out.attribute(EVENT_ATTRIBUTE, targets.exceptionType, errorType.start, errorType.end)
    if (errorMessage.end > errorMessage.start)
      out.attribute(EVENT_ATTRIBUTE, targets.exceptionMessage, errorMessage.start, errorMessage.end)
    if (errorStack.end > errorStack.start) out.attribute(EVENT_ATTRIBUTE, targets.exceptionStack, errorStack.start, errorStack.end)
    out.closeLength(event)
  }

  private status(): void {
    const { out, errorMessage } = this
    const status = out.openLength(STATUS)
    if (errorMessage.end > errorMessage.start) out.text(STATUS_MESSAGE, errorMessage.start, errorMessage.end)
    out.reserve(8)
    out.varint(STATUS_CODE)
    out.varint(STATUS_ERROR)
    out.closeLength(status)
  }
}
