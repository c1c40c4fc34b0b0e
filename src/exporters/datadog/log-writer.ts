// One log of the logs intake: {message, status, ddsource, ddtags, service, hostname, @timestamp, …attributes}.
// https://docs.datadoghq.com/api/latest/logs/#send-logs
import { scalarText, utf8 } from '../../otlp/attributes/label-text.ts'
import { Fields } from '../../otlp/wire.ts'
import { AnyValueReader, ARRAY, JsonBytes, MAP, PairReader, STRING } from './json-bytes.ts'
import * as names from './log-names.ts'
import { LogReader } from './log-reader.ts'
import type { LogResource } from './log-resource.ts'
import { plainTag } from './tags.ts'

/** Longer logs are cut by the intake, wherever that is. */
export const LOG_BYTES_MAX = 1_000_000
/** Of a log whose message alone is not what makes it too long: each text, each key, how many attributes, and the message. */
const CUT_TEXT_BYTES_MAX = 8 * 1024
const CUT_KEY_BYTES_MAX = 256
const CUT_ATTRIBUTES_MAX = 64
const CUT_MESSAGE_BYTES_MAX = 128 * 1024
/** A message of fewer bytes tells too little for all else to stay whole. */
const MESSAGE_BYTES_MIN = 16 * 1024
/** Maps become names with dots between down to here; what is deeper stays an object. */
const DEPTH_MAX = 10
const TAGS_BYTES_MAX = 4096
const WORD_BYTES_MAX = 64
const NO_LIMIT = Number.POSITIVE_INFINITY

/** Writes log records as Datadog's. What is copied is not decoded. */
export class LogWriter {
  readonly out = new JsonBytes()
  readonly reader = new LogReader()
  private readonly value = new AnyValueReader()
  /** So long was the message that was written last. */
  private messageBytes = 0
  private record = 0
  private known = new Map<string, Key>()
  private fixed: readonly Key[] = []
  private lastResource: LogResource | undefined
  private lastKeys: readonly Key[] = []

  /** Begins an array of the records of these bytes. */
  begin(bytes: Uint8Array): void {
    if (this.fixed.length === 0 || this.known.size > KEYS_MAX) {
      this.known = new Map()
      this.fixed = names.FIXED.map((name) => this.keyOf(name))
      this.lastResource = undefined
    }
    this.reader.open(bytes)
    this.out.begin()
    this.out.ascii('[')
  }

  /** Ends it: its bytes, which are the caller's now. */
  end(): Uint8Array {
    this.reader.close()
    this.out.ascii(']')
    return this.out.end()
  }

  /** Writes the record that was read last; false when something had to be cut. */
  write(resource: LogResource): boolean {
    const { out } = this
    const start = out.length
    this.entry(resource, NO_LIMIT, false)
    const excess = out.length - start - LOG_BYTES_MAX
    if (excess <= 0) return !this.reader.hasMore
    out.length = start
    const left = this.messageBytes - excess - 64
    if (left >= MESSAGE_BYTES_MIN) this.entry(resource, left, false)
    else this.entry(resource, CUT_MESSAGE_BYTES_MAX, true)
    return false
  }

  private entry(resource: LogResource, messageBytesMax: number, isCut: boolean): void {
    const { out, reader } = this
    this.record++
    for (const key of this.fixed) key.record = this.record
    out.ascii('{"message":')
    const messageStart = out.length
    this.message(messageBytesMax)
    this.messageBytes = out.length - messageStart
    const time = new Date(reader.timeMs).toISOString()
    out.ascii(`,"status":"${this.status()}","@timestamp":"${time}","otel.timestamp":"${reader.timeNano}"`)
    out.raw(resource.head)
    out.ascii(',"ddsource":')
    out.text(this.playerText(names.SOURCE) || resource.source)
    this.tags(resource)
    this.ids()
    if (reader.severityNumber > 0) out.ascii(`,"otel.severity_number":"${reader.severityNumber}"`)
    this.field(',"otel.severity_text":', reader.severityStart, reader.severityEnd)
    this.field(',"event.name":', reader.eventStart, reader.eventEnd)
    if (messageBytesMax !== NO_LIMIT || reader.hasMore) out.ascii(',"sluice.truncated":true')
    const count = isCut ? Math.min(reader.count, CUT_ATTRIBUTES_MAX) : reader.count
    for (let i = 0; i < count; i++) this.attribute(i, isCut)
    if (!isCut) this.inherited(resource)
    out.ascii('}')
  }

  private field(name: string, start: number, end: number): void {
    if (end === start) return
    this.out.ascii(name)
    this.out.string(this.reader.bytes, start, end, CUT_TEXT_BYTES_MAX)
  }

  // The body, else an attribute of such a name, else the name of the event.
  private message(bytesMax: number): void {
    const { out, reader, value } = this
    const player = reader.players[names.MESSAGE]
    value.open(reader.bytes, reader.bodyStart, reader.bodyEnd)
    if (value.kind === 0 && player >= 0) value.open(reader.bytes, reader.valueStarts[player], reader.valueEnds[player])
    if (value.kind === STRING) out.string(reader.bytes, value.start, value.end, bytesMax)
    else if (value.kind === 0) out.string(reader.bytes, reader.eventStart, reader.eventEnd, bytesMax)
    else {
      // A text of JSON inside of JSON.
      const isBody = reader.bodyEnd > reader.bodyStart
      const json = new JsonBytes()
      if (isBody) json.value(reader.bytes, reader.bodyStart, reader.bodyEnd)
      else json.value(reader.bytes, reader.valueStarts[player], reader.valueEnds[player])
      out.string(json.bytes, 0, json.length, bytesMax)
    }
  }

  // By attribute, text and number, in this order: what the writer of the log has said of it goes before what was made of that.
  private status(): string {
    const { reader } = this
    const said = names.statusOfWord(this.playerText(names.STATUS))
    if (said !== undefined) return said
    const text = utf8(reader.bytes, reader.severityStart, Math.min(reader.severityEnd, reader.severityStart + WORD_BYTES_MAX))
    return names.statusOfWord(text) ?? names.statusOfNumber(reader.severityNumber) ?? 'info'
  }

  private tags({ tags }: LogResource): void {
    const { out, reader } = this
    const player = reader.players[names.TAGS]
    const text = player < 0 ? '' : (scalarText(reader.bytes, reader.valueStarts[player], reader.valueEnds[player], TAGS_BYTES_MAX) ?? '')
    const own = text === '' ? '' : listOfTags(text)
    if (own === '' && tags === '') return
    out.ascii(',"ddtags":')
    out.text(tags === '' || own === '' ? tags + own : `${tags},${own}`)
  }

  // Datadog links logs and traces by the low 64 bits as decimals; OpenTelemetry's own ids stay readable beside them.
  private ids(): void {
    const { out, reader } = this
    let trace = reader.traceStart === 0 ? '' : hex(reader.bytes, reader.traceStart, 16)
    let span = reader.spanStart === 0 ? '' : hex(reader.bytes, reader.spanStart, 8)
    if (trace === '') trace = this.playerText(names.TRACE)
    if (span === '') span = this.playerText(names.SPAN)
    if (HEX_TRACE.test(trace)) out.ascii(`,"dd.trace_id":"${low64(trace)}","otel.trace_id":"${trace.toLowerCase()}"`)
    else if (DECIMAL.test(trace)) out.ascii(`,"dd.trace_id":"${trace}"`)
    else this.copyId('dd.trace_id', names.DD_TRACE)
    if (HEX_SPAN.test(span)) out.ascii(`,"dd.span_id":"${low64(span)}","otel.span_id":"${span.toLowerCase()}"`)
    else if (DECIMAL.test(span)) out.ascii(`,"dd.span_id":"${span}"`)
    else this.copyId('dd.span_id', names.DD_SPAN)
  }

  private copyId(name: string, role: number): void {
    const id = this.playerText(role)
    if (HEX_TRACE.test(id) && !DECIMAL.test(id)) this.out.ascii(`,"${name}":"${low64(id)}"`)
    else if (DECIMAL.test(id)) this.out.ascii(`,"${name}":"${id}"`)
  }

  private playerText(role: number): string {
    const { reader } = this
    const player = reader.players[role]
    if (player < 0) return ''
    return scalarText(reader.bytes, reader.valueStarts[player], reader.valueEnds[player], WORD_BYTES_MAX) ?? ''
  }

  private attribute(i: number, isCut: boolean): void {
    const { reader } = this
    const number = reader.numbers[i]
    let name = ''
    let prefix = ''
    if (number >= 0) {
      const role = names.roles[number]
      if (this.isWritten(role, i)) return
      if (role === names.EXCEPTION && !this.hasErrorOf(number)) name = names.errorNames[number]
      else if (PREFIXED.has(role)) prefix = 'otel.'
      else if ((role === names.TRACE || role === names.SPAN) && !this.isId(i)) prefix = 'attributes.'
    }
    if (isCut && reader.keyEnds[i] - reader.keyStarts[i] > CUT_KEY_BYTES_MAX) return
    if (name === '') name = prefix + utf8(reader.bytes, reader.keyStarts[i], reader.keyEnds[i])
    this.named(name, reader.valueStarts[i], reader.valueEnds[i], 0, isCut)
  }

  // What stands in the entry already, by a name of its own.
  private isWritten(role: number, i: number): boolean {
    const { reader } = this
    switch (role) {
      case names.MESSAGE:
        return reader.players[role] === i && this.value.open(reader.bytes, reader.bodyStart, reader.bodyEnd).kind === 0
      case names.STATUS:
        return reader.players[role] === i && names.statusOfWord(this.playerText(role)) !== undefined
      case names.SOURCE:
        return reader.players[role] === i
      case names.TAGS:
      case names.DD_TRACE:
      case names.DD_SPAN:
      case names.OWN:
        return true
      default:
        return false
    }
  }

  private isId(i: number): boolean {
    const { reader } = this
    const text = scalarText(reader.bytes, reader.valueStarts[i], reader.valueEnds[i], WORD_BYTES_MAX) ?? ''
    return HEX_TRACE.test(text) || DECIMAL.test(text)
  }

  private hasErrorOf(exception: number): boolean {
    const error = names.keys.numberOf(names.errorNames[exception])
    return this.reader.present[error] === 1
  }

  // A map becomes its entries, with dots in their names.
  private named(name: string, start: number, end: number, depth: number, isCut: boolean): void {
    const { out, reader } = this
    const value = depth === 0 ? this.value : new AnyValueReader()
    value.open(reader.bytes, start, end)
    if (value.kind === 0) return
    if (value.kind === MAP && depth < DEPTH_MAX) {
      if (isCut) return
      const entries = new Fields().open(reader.bytes, value.start, value.end)
      const pair = new PairReader()
      while (entries.next()) {
        if (entries.number !== 1) continue
        pair.open(reader.bytes, entries.start, entries.end)
        this.named(`${name}.${utf8(reader.bytes, pair.keyStart, pair.keyEnd)}`, pair.valueStart, pair.valueEnd, depth + 1, false)
      }
      return
    }
    if (isCut && value.kind >= ARRAY) return
    const key = this.keyOf(name)
    if (key.record === this.record) return
    key.record = this.record
    out.raw(key.json)
    if (value.kind === STRING) out.string(reader.bytes, value.start, value.end, isCut ? CUT_TEXT_BYTES_MAX : NO_LIMIT)
    else out.value(reader.bytes, start, end)
  }

  // What the record says itself goes before.
  private inherited(resource: LogResource): void {
    const { out, record } = this
    const keys = this.keysOf(resource)
    let isWhole = true
    for (let i = 0; i < keys.length; i++) if (keys[i].record === record) isWhole = false
    if (isWhole) out.raw(resource.all)
    else for (let i = 0; i < keys.length; i++) if (keys[i].record !== record) out.raw(resource.attributes[i])
  }

  private keysOf(resource: LogResource): readonly Key[] {
    if (resource !== this.lastResource) {
      this.lastResource = resource
      this.lastKeys = resource.names.map((name) => this.keyOf(name))
    }
    return this.lastKeys
  }

  private keyOf(name: string): Key {
    let found = this.known.get(name)
    if (found === undefined) {
      found = { json: Buffer.from(`,${JSON.stringify(name)}:`), record: 0 }
      this.known.set(name, found)
    }
    return found
  }
}

/** A key as `,"key":`, and the last record that has it: no key may come twice in an entry. */
interface Key {
  readonly json: Buffer
  record: number
}

const PREFIXED = new Set([names.MESSAGE, names.STATUS, names.RESERVED, names.SOURCE])
/** Keys that are remembered from one array to the next. */
const KEYS_MAX = 2048
const HEX_TRACE = /^([0-9a-f]{32}|[0-9a-f]{16})$/i
const HEX_SPAN = /^[0-9a-f]{16}$/i
// Sixteen or more digits may be either; ids of OpenTelemetry are hex and have 16 or 32 digits exactly.
const DECIMAL = /^[1-9]\d{0,19}$/

function listOfTags(text: string): string {
  return text
    .split(',')
    .map((tag) => plainTag(tag))
    .filter((tag) => tag !== '')
    .join(',')
}

function hex(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('hex')
}

/** The low 64 bits of an id in hex, as a decimal. */
export function low64(id: string): string {
  return BigInt(`0x${id.slice(-16)}`).toString()
}
