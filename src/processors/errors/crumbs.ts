// Breadcrumbs as Sentry knows them, made of finished spans and of log records: { timestamp, type, category, level, message, data }.
import { decode } from '../../otlp/decode.ts'
import type { AnyValue, Draft, KeyValue, LogRecord, Span } from '../../otlp/objects.ts'
import { STATUS_ERROR } from '../../otlp/views.ts'
import { Fields } from '../../otlp/wire.ts'
import { shortened } from './shortened.ts'

const MESSAGE_CHARACTERS_MAX = 500
const VALUE_CHARACTERS_MAX = 256
/** Attributes of one record that are looked at. */
const ATTRIBUTES_MAX = 256
const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer']
const STATUSES = ['unset', 'ok', 'error']

/** What a breadcrumb tells of a span: what it called, and what came of it. */
const TOLD = new Set([
  'http.request.method',
  'http.method',
  'http.response.status_code',
  'http.status_code',
  'http.route',
  'url.full',
  'http.url',
  'url.path',
  'http.target',
  'server.address',
  'db.system.name',
  'db.system',
  'db.operation.name',
  'db.operation',
  'db.collection.name',
  'db.namespace',
  'rpc.system',
  'rpc.service',
  'rpc.method',
  'messaging.system',
  'messaging.operation.type',
  'messaging.operation',
  'messaging.destination.name',
  'gen_ai.operation.name',
  'gen_ai.request.model',
  'model.name',
  'job.stage',
  'error.type'
])

interface Crumb {
  readonly time: bigint
  readonly type: string
  readonly category: string
  readonly level: string
  readonly message: string
  readonly data: readonly Draft<KeyValue>[]
}

/** A span that has ended, as a breadcrumb. */
export function spanCrumb(bytes: Uint8Array, start: number, end: number): Draft<AnyValue> {
  const span = withoutCrowds('Span', bytes, start, end) as Span
  const { startTimeUnixNano: began = 0n, endTimeUnixNano: ended = 0n, kind = 0, name = '', status } = span
  const data: Draft<KeyValue>[] = []
  if (began > 0n && ended >= began) data.push({ key: 'duration_ms', value: { doubleValue: Number(ended - began) / 1e6 } })
  data.push({ key: 'status', value: { stringValue: STATUSES[status?.code ?? 0] ?? STATUSES[0] } })
  const keys = new Set<string>()
  for (const { key = '', value } of span.attributes ?? []) {
    keys.add(key)
    if (TOLD.has(key) && value !== undefined) data.push({ key, value: shortValue(value) })
  }
  return crumbOf({
    time: ended,
    type: hasSome(keys, 'http.request.method', 'http.method') ? 'http' : hasSome(keys, 'db.system', 'db.system.name') ? 'query' : 'default',
    category: categoryOf(keys, KINDS[kind] ?? KINDS[0]),
    level: status?.code === STATUS_ERROR ? 'error' : 'info',
    message: shortened(name, MESSAGE_CHARACTERS_MAX),
    data
  })
}

/** A log record as a breadcrumb. `scopeStart` and `scopeEnd` enclose the ScopeLogs that it stands in. */
export function logCrumb(bytes: Uint8Array, start: number, end: number, scopeStart: number, scopeEnd: number): Draft<AnyValue> {
  const record = withoutCrowds('LogRecord', bytes, start, end) as LogRecord
  const { timeUnixNano = 0n, observedTimeUnixNano = 0n, severityNumber = 0, body, attributes = [] } = record
  const logger = attributes.find(({ key }) => key === 'logger.name')?.value?.stringValue ?? scopeName(bytes, scopeStart, scopeEnd)
  const errorType = attributes.find(({ key }) => key === 'exception.type')
  return crumbOf({
    time: timeUnixNano === 0n ? observedTimeUnixNano : timeUnixNano,
    type: severityNumber >= 17 ? 'error' : 'default',
    category: logger === '' ? 'log' : shortened(logger, VALUE_CHARACTERS_MAX),
    level: levelOf(severityNumber),
    message: shortened(bodyText(body), MESSAGE_CHARACTERS_MAX),
    data: errorType?.value === undefined ? [] : [{ key: 'exception.type', value: shortValue(errorType.value) }]
  })
}

function crumbOf({ time, type, category, level, message, data }: Crumb): Draft<AnyValue> {
  const values: Draft<KeyValue>[] = [
    { key: 'timestamp', value: { intValue: BigInt.asIntN(64, time) } },
    { key: 'type', value: { stringValue: type } },
    { key: 'category', value: { stringValue: category } },
    { key: 'level', value: { stringValue: level } },
    { key: 'message', value: { stringValue: message } }
  ]
  if (data.length > 0) values.push({ key: 'data', value: { kvlistValue: { values: data } } })
  return { kvlistValue: { values } }
}

// Events, links and more attributes than are looked at are not decoded: what is kept in memory for long must not cost much to look at.
function withoutCrowds(message: 'Span' | 'LogRecord', bytes: Uint8Array, start: number, end: number): Span | LogRecord {
  const kept: Uint8Array[] = []
  const attributes = message === 'Span' ? 9 : 6
  const fields = new Fields().open(bytes, start, end)
  let seen = 0
  while (fields.next()) {
    const { number } = fields
    if (number === attributes && ++seen > ATTRIBUTES_MAX) continue
    if (message === 'Span' && (number === 11 || number === 13)) continue
    kept.push(bytes.subarray(fields.tagStart, fields.end))
  }
  return decode(message, Buffer.concat(kept))
}

function scopeName(bytes: Uint8Array, start: number, end: number): string {
  let name = ''
  const fields = new Fields().open(bytes, start, end)
  while (fields.next()) {
    if (fields.number === 1) name = decode('Scope', bytes, fields.start, fields.end).name ?? name
    // Encoders write the scope before its records.
    else if (fields.number === 2) break
  }
  return name
}

function categoryOf(keys: ReadonlySet<string>, kind: string): string {
  if (hasSome(keys, 'gen_ai.request.model', 'model.name')) return 'inference'
  if (hasSome(keys, 'db.system', 'db.system.name')) return 'query'
  if (hasSome(keys, 'http.request.method', 'http.method')) return kind === 'server' ? 'http.server' : 'http'
  if (hasSome(keys, 'messaging.system')) return 'queue'
  if (hasSome(keys, 'rpc.system')) return 'rpc'
  return `span.${kind}`
}

function hasSome(keys: ReadonlySet<string>, ...wanted: string[]): boolean {
  return wanted.some((key) => keys.has(key))
}

function levelOf(severityNumber: number): string {
  if (severityNumber >= 21) return 'fatal'
  if (severityNumber >= 17) return 'error'
  if (severityNumber >= 13) return 'warning'
  return severityNumber >= 1 && severityNumber < 9 ? 'debug' : 'info'
}

const BODY_TEXTS = ['message', 'msg', 'event']

// Of a body with fields, the one that says what happened.
function bodyText(body: AnyValue | undefined): string {
  if (body?.stringValue !== undefined) return body.stringValue
  for (const { key = '', value } of body?.kvlistValue?.values ?? []) {
    if (BODY_TEXTS.includes(key) && value?.stringValue !== undefined) return value.stringValue
  }
  return ''
}

function shortValue(value: AnyValue): Draft<AnyValue> {
  if (value.stringValue !== undefined) return { stringValue: shortened(value.stringValue, VALUE_CHARACTERS_MAX) }
  return value.intValue !== undefined || value.doubleValue !== undefined || value.boolValue !== undefined ? value : { stringValue: '' }
}
