import { decode } from '../../otlp/decode.ts'
import { encode } from '../../otlp/encode.ts'
import type { AnyValue, Draft, LogRecord } from '../../otlp/objects.ts'
import { BYTES, Fields, lengthDelimited } from '../../otlp/wire.ts'
import type { Group } from './grouping.ts'
import { shortened, shortenedStack } from './shortened.ts'
import type { Sighting } from './sighting.ts'

const SEVERITY_ERROR = 17
/** Longer texts are cut. */
const TEXT_CHARACTERS_MAX = 16 * 1024
const STACK_CHARACTERS_MAX = 64 * 1024
/** A larger list or map of an attribute is left out. */
const VALUE_BYTES_MAX = 16 * 1024
/** More attributes, or more bytes of them, are left out, and counted in the record. */
const ATTRIBUTES_MAX = 256
const ATTRIBUTES_BYTES_MAX = 256 * 1024
const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer']

const LOG_ATTRIBUTES = 6

/** What the gateway adds to an error. */
export interface Additions {
  readonly group: Group | null
  /** How many errors alike were not sent since the last one that was. */
  readonly count: number
  readonly breadcrumbs: readonly Draft<AnyValue>[]
}

type Attributes = Map<string, Draft<AnyValue>>

/** What the gateway alone says of an error. */
const OURS = ['error.origin', 'error.group', 'error.fingerprint', 'error.count', 'error.breadcrumbs', 'error.mechanism.handled']

/**
 * One error as the LogRecord that exporters are given, without what `withAdditions` adds. `log` is a log record of the same error: of an error on a
 * span, what the span does not say is taken from there.
 */
export function errorRecord(bytes: Uint8Array, sighting: Sighting, log: Uint8Array | null): Buffer {
  const record = sighting.origin === 'log' ? ofLog(bytes, sighting) : ofSpan(bytes, sighting, log)
  const { attributes } = record
  const { type, message, stacktrace, isDescribed, origin } = sighting
  for (const key of OURS) attributes.delete(key)
  if (isDescribed) {
    put(attributes, 'exception.type', type)
    put(attributes, 'exception.message', message)
    put(attributes, 'exception.stacktrace', stacktrace)
  }
  attributes.set('error.origin', { stringValue: origin })
  const escaped = flagOf(attributes.get('exception.escaped'))
  if (escaped !== undefined) attributes.set('error.mechanism.handled', { boolValue: !escaped })
  return encode('LogRecord', {
    ...record.fields,
    eventName: 'exception',
    droppedAttributesCount: Math.min(record.dropped, 2 ** 32 - 1),
    attributes: Array.from(attributes, ([key, value]) => ({ key, value }))
  })
}

/** The same record with what is known only when it is sent. */
export function withAdditions(record: Uint8Array, { group, count, breadcrumbs }: Additions): Uint8Array {
  const parts: Uint8Array[] = [record]
  const add = (key: string, value: Draft<AnyValue>): void => {
    parts.push(lengthDelimited(LOG_ATTRIBUTES, encode('KeyValue', { key, value })))
  }
  if (group !== null) {
    add('error.group', { stringValue: group.rule })
    add('error.fingerprint', { arrayValue: { values: group.fingerprint.map((stringValue) => ({ stringValue })) } })
  }
  if (breadcrumbs.length > 0) add('error.breadcrumbs', { arrayValue: { values: breadcrumbs } })
  if (count > 0) add('error.count', { intValue: count })
  return parts.length === 1 ? record : Buffer.concat(parts)
}

interface Unfinished {
  readonly fields: Draft<LogRecord>
  readonly attributes: Attributes
  readonly dropped: number
}

// The wire: LogRecord { repeated attributes = 6 }
function ofLog(bytes: Uint8Array, { start, end, atNano, type, message }: Sighting): Unfinished {
  const list = new AttributeList()
  const head = list.read(bytes, start, end, LOG_ATTRIBUTES, [])
  const log = decode('LogRecord', head)
  const severity = log.severityNumber ?? 0
  const body = fitting(log.body)
  return {
    fields: {
      ...log,
      timeUnixNano: log.timeUnixNano || log.observedTimeUnixNano || nanos(atNano),
      severityNumber: severity > 0 ? severity : SEVERITY_ERROR,
      body: body ?? { stringValue: message === '' ? type : message },
      traceId: log.traceId?.length === 32 ? log.traceId : '',
      spanId: log.spanId?.length === 16 ? log.spanId : ''
    },
    attributes: list.attributes,
    dropped: list.dropped + (log.droppedAttributesCount ?? 0)
  }
}

// The wire: Span { repeated attributes = 9, repeated events = 11, repeated links = 13 }, SpanEvent { repeated attributes = 3 }
function ofSpan(
  bytes: Uint8Array,
  { start, end, eventStart, eventEnd, atNano, type, message }: Sighting,
  log: Uint8Array | null
): Unfinished {
  const list = new AttributeList()
  const event = decode('SpanEvent', list.read(bytes, eventStart, eventEnd, 3, []))
  const span = decode('Span', list.read(bytes, start, end, 9, [11, 13]))
  const { attributes } = list
  put(attributes, 'span.name', shortened(span.name ?? '', TEXT_CHARACTERS_MAX))
  put(attributes, 'span.kind', KINDS[span.kind ?? 0] ?? KINDS[0])
  put(attributes, 'span.parent_id', span.parentSpanId ?? '')
  if (log !== null) list.read(log, 0, log.length, LOG_ATTRIBUTES, [])
  const timeUnixNano = event.timeUnixNano || span.endTimeUnixNano || nanos(atNano)
  return {
    fields: {
      timeUnixNano,
      observedTimeUnixNano: timeUnixNano,
      severityNumber: SEVERITY_ERROR,
      severityText: 'ERROR',
      body: { stringValue: shortened(message === '' ? type : message, TEXT_CHARACTERS_MAX) },
      traceId: span.traceId?.length === 32 ? span.traceId : '',
      spanId: span.spanId?.length === 16 ? span.spanId : ''
    },
    attributes,
    dropped: list.dropped
  }
}

/** The attributes of an error, and how many there was no room for. What was there first stays. */
class AttributeList {
  readonly attributes: Attributes = new Map()
  dropped = 0
  private bytesLeft = ATTRIBUTES_BYTES_MAX

  /** Reads the attributes of a message, and returns its other fields but for those of the numbers in `without`. */
  read(bytes: Uint8Array, start: number, end: number, number: number, without: readonly number[]): Buffer {
    const rest: Uint8Array[] = []
    const own: Attributes = new Map()
    const fields = new Fields().open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === number && fields.type === BYTES) this.take(own, bytes, fields.start, fields.end)
      else if (!without.includes(fields.number)) rest.push(bytes.subarray(fields.tagStart, fields.end))
    }
    for (const [key, value] of own) if (!this.attributes.has(key)) this.attributes.set(key, value)
    return Buffer.concat(rest)
  }

  // Of a repeated key the last value counts.
  private take(own: Attributes, bytes: Uint8Array, start: number, end: number): void {
    if (this.attributes.size + own.size >= ATTRIBUTES_MAX || Math.min(end - start, STACK_CHARACTERS_MAX) > this.bytesLeft) {
      this.dropped++
      return
    }
    const { key = '', value } = decode('KeyValue', bytes, start, end)
    const isStack = key === 'exception.stacktrace'
    const kept =
      isStack && value?.stringValue !== undefined
        ? { stringValue: shortenedStack(value.stringValue, STACK_CHARACTERS_MAX) }
        : fitting(value)
    if (kept === undefined || key.length > TEXT_CHARACTERS_MAX) {
      this.dropped++
      return
    }
    this.bytesLeft -= Math.min(end - start, STACK_CHARACTERS_MAX)
    own.set(key, kept)
  }
}

// The value where it is small enough, or as much of its text; undefined for a list or a map that is too large.
function fitting(value: AnyValue | undefined): Draft<AnyValue> | undefined {
  if (value === undefined) return undefined
  if (value.stringValue !== undefined) return { stringValue: shortened(value.stringValue, TEXT_CHARACTERS_MAX) }
  if (value.arrayValue === undefined && value.kvlistValue === undefined && value.bytesValue === undefined) return value
  return encode('AnyValue', value).length <= VALUE_BYTES_MAX ? value : undefined
}

function put(attributes: Attributes, key: string, text: string): void {
  if (text !== '' && !attributes.has(key)) attributes.set(key, { stringValue: text })
}

// SDKs write it as a flag, or as the text that the conventions once showed.
function flagOf(value: Draft<AnyValue> | undefined): boolean | undefined {
  if (value?.boolValue !== undefined) return value.boolValue
  const text = value?.stringValue?.toLowerCase()
  return text === 'true' ? true : text === 'false' ? false : undefined
}

function nanos(atNano: number): bigint {
  return BigInt.asUintN(64, BigInt(Math.max(0, Math.floor(atNano))))
}
