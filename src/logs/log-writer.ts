import { allocate } from '../memory.ts'
import { BYTES, FIXED32, FIXED64, VARINT, varintSize, writeVarint } from '../otlp/wire.ts'
import { BackWriter } from './back-writer.ts'
import type { LogEntry, LogValue } from './log-entry.ts'
import type { LogSource } from './log-source.ts'

const SCRATCH_BYTES_MIN = 64 * 1024
const SCRATCH_BYTES_MAX = 4 * 1024 * 1024
/** Tags and lengths around the records of one resource. */
const FRAME_BYTES_MAX = 32

// The wire: request { repeated ResourceLogs = 1 }, ResourceLogs { Resource = 1, repeated ScopeLogs = 2 }, Resource { repeated KeyValue = 1 },
// ScopeLogs { InstrumentationScope { name = 1 } = 1, repeated LogRecord = 2 }
// LogRecord { fixed64 time_unix_nano = 1, severity_number = 2, severity_text = 3, AnyValue body = 5, repeated KeyValue attributes = 6,
// dropped_attributes_count = 7, fixed32 flags = 8, bytes trace_id = 9, bytes span_id = 10, fixed64 observed_time_unix_nano = 11, event_name = 12 }
const FIRST = (1 << 3) | BYTES
const SECOND = (2 << 3) | BYTES
const TIME = (1 << 3) | FIXED64
const SEVERITY_NUMBER = (2 << 3) | VARINT
const SEVERITY_TEXT = (3 << 3) | BYTES
const BODY = (5 << 3) | BYTES
const ATTRIBUTE = (6 << 3) | BYTES
const DROPPED = (7 << 3) | VARINT
const FLAGS = (8 << 3) | FIXED32
const TRACE_ID = (9 << 3) | BYTES
const SPAN_ID = (10 << 3) | BYTES
const OBSERVED_TIME = (11 << 3) | FIXED64
const EVENT_NAME = (12 << 3) | BYTES

/** A source in bytes. Made once per source, since a batch of its lines repeats them. */
interface WrittenSource {
  readonly keys: readonly string[]
  /** Its attributes of records, as fields of a LogRecord. */
  readonly attributes: Buffer
  /** Its resource without the service's name, as fields of a Resource, and that name. */
  readonly resource: Buffer
  readonly serviceName: LogValue | undefined
  /** The scope as a field of ScopeLogs. */
  readonly scope: Buffer
  /** Equal for sources that write into the same ResourceLogs. */
  readonly identity: string
}

/** Where the records of one resource lie among all records: from and to, in turns. */
interface Group {
  readonly resource: Buffer
  readonly scope: Buffer
  readonly ranges: number[]
  size: number
}

/**
 * Writes log records as one ExportLogsServiceRequest, the records of each resource together and in order. Whatever a LogEntry holds, the result is a
 * valid request: ids that are none, and times that do not fit, go unwritten.
 */
export class LogWriter {
  /** Size of the request up to now. */
  bytes = 0
  items = 0
  private records = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
  private length = 0
  private readonly record = new BackWriter()
  private readonly written = new WeakMap<LogSource, WrittenSource>()
  private readonly groups = new Map<string, Group>()
  // The last record's: mostly the next one's too.
  private group: Group | undefined
  private source: LogSource | undefined
  private writtenSource: WrittenSource | undefined
  private serviceName = ''

  /** Begins a request. */
  open(): void {
    this.bytes = 0
    this.items = 0
    this.length = 0
    this.groups.clear()
    this.group = undefined
    this.source = undefined
    this.writtenSource = undefined
    if (this.records.length > SCRATCH_BYTES_MAX) this.records = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
  }

  /** Adds one record. Keeps nothing of the entry. */
  add(source: LogSource, entry: LogEntry): void {
    if (source !== this.source || entry.serviceName !== this.serviceName) this.turnTo(source, entry.serviceName)
    const { record } = this
    record.open()
    this.write(this.writtenSource!, source, entry)
    const size = record.size
    this.reserve(size)
    record.bytes.copy(this.records, this.length, record.start)
    this.keep(this.group!, size)
  }

  /** Ends the request: its bytes. The next one begins with `open`. */
  close(): Uint8Array {
    const out = allocate(this.bytes)
    let at = 0
    for (const { resource, scope, ranges, size } of this.groups.values()) {
      const scopeLogs = scope.length + size
      const resourceLogs = 1 + varintSize(resource.length) + resource.length + 1 + varintSize(scopeLogs) + scopeLogs
      out[at++] = FIRST
      at = writeVarint(out, at, resourceLogs)
      out[at++] = FIRST
      at = writeVarint(out, at, resource.length)
      at += resource.copy(out, at)
      out[at++] = SECOND
      at = writeVarint(out, at, scopeLogs)
      at += scope.copy(out, at)
      for (let i = 0; i < ranges.length; i += 2) at += this.records.copy(out, at, ranges[i], ranges[i + 1])
    }
    return out.subarray(0, at)
  }

  // Fields last to first: see BackWriter.
  private write(written: WrittenSource, source: LogSource, entry: LogEntry): void {
    const { record } = this
    const { keys, values } = entry
    if (entry.eventName !== '') record.text(EVENT_NAME, entry.eventName)
    record.nanoseconds(OBSERVED_TIME, entry.observedMs, 0)
    const hasTrace = entry.traceId !== '' || entry.spanId !== ''
    if (hasTrace) {
      record.id(SPAN_ID, entry.spanId, 8)
      record.id(TRACE_ID, entry.traceId, 16)
      if (entry.traceFlags > 0) record.fixed32(FLAGS, entry.traceFlags)
    }
    if (entry.droppedAttributes > 0) record.uint(DROPPED, Math.min(entry.droppedAttributes, 0xffff_ffff))
    this.writeSourceAttributes(written, source, keys)
    for (let i = keys.length - 1; i >= 0; i--) record.keyValue(ATTRIBUTE, keys[i], values[i])
    record.anyValue(BODY, entry.body)
    if (entry.severityText !== '') record.text(SEVERITY_TEXT, entry.severityText)
    if (entry.severityNumber > 0 && entry.severityNumber <= 24) record.uint(SEVERITY_NUMBER, entry.severityNumber | 0)
    record.nanoseconds(TIME, entry.timeMs, entry.timeNanos)
    record.length(SECOND, 0)
  }

  // A key may stand in a record once: what the record says itself goes first.
  private writeSourceAttributes(written: WrittenSource, source: LogSource, keys: readonly string[]): void {
    let isApart = true
    for (const key of written.keys) if (keys.includes(key)) isApart = false
    if (isApart) {
      if (written.attributes.length > 0) this.record.raw(written.attributes)
      return
    }
    for (const key of written.keys) if (!keys.includes(key)) this.record.keyValue(ATTRIBUTE, key, source.attributes[key])
  }

  private keep(group: Group, size: number): void {
    const { ranges } = group
    const end = this.length + size
    if (ranges.length > 0 && ranges[ranges.length - 1] === this.length) ranges[ranges.length - 1] = end
    else ranges.push(this.length, end)
    group.size += size
    this.length = end
    this.bytes += size
    this.items++
  }

  private turnTo(source: LogSource, serviceName: string): void {
    if (source !== this.source) {
      this.writtenSource = this.written.get(source)
      if (this.writtenSource === undefined) {
        this.writtenSource = this.writeSource(source)
        this.written.set(source, this.writtenSource)
      }
    }
    const { identity, resource, scope, serviceName: own } = this.writtenSource!
    const identityOfGroup = `${serviceName}\n${identity}`
    this.source = source
    this.serviceName = serviceName
    this.group = this.groups.get(identityOfGroup)
    if (this.group !== undefined) return
    this.record.open()
    const name = serviceName === '' ? own : serviceName
    if (name !== undefined) this.record.keyValue(FIRST, 'service.name', name)
    this.group = { resource: Buffer.concat([resource, this.record.bytes.subarray(this.record.start)]), scope, ranges: [], size: 0 }
    this.groups.set(identityOfGroup, this.group)
    this.bytes += this.group.resource.length + scope.length + FRAME_BYTES_MAX
  }

  private writeSource(source: LogSource): WrittenSource {
    const { record } = this
    const { 'service.name': serviceName, ...others } = source.resource
    const resource = this.fields(FIRST, others)
    const attributes = this.fields(ATTRIBUTE, source.attributes)
    record.open()
    record.text(FIRST, source.scope)
    record.length(FIRST, 0)
    const scope = Buffer.from(record.bytes.subarray(record.start))
    const own = this.fields(FIRST, serviceName === undefined ? {} : { 'service.name': serviceName })
    const identity = `${scope.toString('latin1')}\n${own.toString('latin1')}\n${resource.toString('latin1')}`
    return { keys: Object.keys(source.attributes), attributes, resource, serviceName, scope, identity }
  }

  private fields(tag: number, attributes: Readonly<Record<string, LogValue>>): Buffer {
    this.record.open()
    const keys = Object.keys(attributes)
    for (let i = keys.length - 1; i >= 0; i--) this.record.keyValue(tag, keys[i], attributes[keys[i]])
    return Buffer.from(this.record.bytes.subarray(this.record.start))
  }

  private reserve(size: number): void {
    if (this.records.length - this.length >= size) return
    const records = Buffer.allocUnsafeSlow(Math.max(this.records.length * 2, this.length + size))
    this.records.copy(records, 0, 0, this.length)
    this.records = records
  }
}
