// What Sentry's intake takes, written from its protocol and not from our code: one check for each type of item. A check returns what is wrong in
// words, and nothing when all is well.
import { checkEvent, checkTransaction } from './sentry-check-event.ts'
import { bytesOf, Findings, isHex, isObject, isText, isTime, type Json, parse } from './sentry-json.ts'

const KIB = 1024
const MIB = 1024 * KIB

interface ItemType {
  readonly bytesMax: number
  readonly contentType?: string
  readonly itemsMax?: number
  /** Of containers: of each item. */
  readonly check?: (payload: Json, to: Findings) => void
}

const ITEM_TYPES: Readonly<Record<string, ItemType>> = {
  event: { bytesMax: MIB, check: checkEvent },
  transaction: { bytesMax: MIB, check: checkTransaction },
  span: { bytesMax: 12 * MIB, contentType: 'application/vnd.sentry.items.span.v2+json', itemsMax: 1000, check: checkSpan },
  log: { bytesMax: 12 * MIB, contentType: 'application/vnd.sentry.items.log+json', itemsMax: 100, check: checkLog },
  trace_metric: { bytesMax: 12 * MIB, contentType: 'application/vnd.sentry.items.trace-metric+json', itemsMax: 1000, check: checkMetric },
  check_in: { bytesMax: 100 * KIB, check: checkCheckIn },
  client_report: { bytesMax: 4 * KIB, check: checkClientReport },
  session: { bytesMax: 100 * KIB, check: checkSession },
  sessions: { bytesMax: 100 * KIB, check: checkSession },
  attachment: { bytesMax: 200 * MIB }
}

/** All that is wrong with one item, by itself. Items of types that are not known here pass. */
export function validateItem(header: Json, payload: Uint8Array): string[] {
  const to = new Findings()
  to.check(isObject(header) && isText(header.type) && header.type !== '', 'header', 'a type')
  to.check(header?.length === undefined || header.length === payload.length, 'header.length', `${payload.length}`)
  const type = ITEM_TYPES[header?.type]
  if (type === undefined) return to.list
  const at = header.type as string
  to.check(payload.length <= type.bytesMax, at, `at most ${type.bytesMax} bytes, not ${payload.length}`)
  if (type.check === undefined) return to.list
  const json = parse(payload)
  to.check(isObject(json), at, 'a JSON object')
  if (!isObject(json)) return to.list
  if (type.contentType === undefined) type.check(json, to)
  else checkContainer(header, json, type, to)
  return to.list.map((finding) => (finding.startsWith(at) ? finding : `${at}: ${finding}`))
}

function checkContainer(header: Json, json: Json, { contentType, itemsMax, check }: ItemType, to: Findings): void {
  to.check(header.content_type === contentType, 'header.content_type', contentType!)
  to.check(json.version === 2, 'version', '2')
  const items: Json[] = Array.isArray(json.items) ? json.items : []
  to.check(items.length > 0 && items.length <= itemsMax!, 'items', `from 1 to ${itemsMax}, not ${items.length}`)
  to.check(header.item_count === items.length, 'header.item_count', `${items.length}`)
  for (const [i, item] of items.entries()) {
    const found = new Findings()
    found.check(bytesOf(item) <= MIB, 'size', 'at most 1 MiB')
    if (isObject(item)) check!(item, found)
    else found.check(false, 'item', 'an object')
    for (const finding of found.list) to.check(false, `items[${i}].${finding.split(': expected ')[0]}`, finding.split(': expected ')[1])
  }
}

function checkSpan(span: Json, to: Findings): void {
  checkIds(span, to)
  to.check(isHex(span.span_id, 16), 'span_id', '16 hex digits')
  to.check(span.parent_span_id == null || isHex(span.parent_span_id, 16), 'parent_span_id', '16 hex digits')
  to.check(isText(span.name), 'name', 'a text')
  to.check(span.status === 'ok' || span.status === 'error', 'status', 'ok or error')
  to.check(typeof span.is_segment === 'boolean', 'is_segment', 'true or false')
  to.check(typeof span.start_timestamp === 'number' && isTime(span.start_timestamp), 'start_timestamp', 'seconds since 1970')
  to.check(typeof span.end_timestamp === 'number' && isTime(span.end_timestamp), 'end_timestamp', 'seconds since 1970')
  to.check(span.end_timestamp >= span.start_timestamp, 'end_timestamp', 'no earlier than the start')
  for (const key of Object.keys(span)) to.check(SPAN_KEYS.has(key), key, 'no such field')
  checkAttributes(span.attributes, 'attributes', to)
  for (const [i, link] of (Array.isArray(span.links) ? span.links : []).entries()) {
    to.check(isHex(link?.trace_id, 32) && isHex(link?.span_id, 16), `links[${i}]`, 'trace_id and span_id')
    to.check(link?.sampled === undefined || typeof link.sampled === 'boolean', `links[${i}].sampled`, 'true or false')
    checkAttributes(link?.attributes, `links[${i}].attributes`, to)
  }
}

const SPAN_KEYS = new Set([
  'trace_id',
  'span_id',
  'parent_span_id',
  'name',
  'status',
  'is_segment',
  'start_timestamp',
  'end_timestamp',
  'attributes',
  'links'
])

function checkLog(log: Json, to: Findings): void {
  checkIds(log, to)
  to.check(typeof log.timestamp === 'number' && isTime(log.timestamp), 'timestamp', 'seconds since 1970')
  to.check(['trace', 'debug', 'info', 'warn', 'error', 'fatal'].includes(log.level), 'level', 'a level of logs')
  to.check(isText(log.body), 'body', 'a text')
  to.check(log.span_id == null || isHex(log.span_id, 16), 'span_id', '16 hex digits')
  const { severity_number: severity } = log
  to.check(severity === undefined || (Number.isInteger(severity) && severity >= 1 && severity <= 24), 'severity_number', '1 to 24')
  checkAttributes(log.attributes, 'attributes', to)
}

function checkMetric(metric: Json, to: Findings): void {
  checkIds(metric, to)
  to.check(isTime(metric.timestamp), 'timestamp', 'seconds since 1970')
  to.check(isText(metric.name) && metric.name !== '', 'name', 'a text')
  to.check(['counter', 'gauge', 'distribution'].includes(metric.type), 'type', 'counter, gauge or distribution')
  to.check(Number.isFinite(metric.value), 'value', 'a number')
  checkAttributes(metric.attributes, 'attributes', to)
}

const checkIds = (item: Json, to: Findings): void => to.check(isHex(item.trace_id, 32), 'trace_id', '32 lowercase hex digits, not all 0')

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isSafeInteger(value),
  double: (value) => Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value)
}

function checkAttributes(attributes: unknown, at: string, to: Findings): void {
  if (attributes === undefined) return
  to.check(isObject(attributes), at, 'an object')
  for (const [key, attribute] of Object.entries(isObject(attributes) ? attributes : {})) {
    const { value, type, unit, ...rest } = (attribute ?? {}) as Json
    to.check(key !== '', at, 'keys')
    to.check(TYPES[type]?.(value), `${at}.${key}`, `a value of its type ${type}`)
    to.check(unit === undefined || isText(unit), `${at}.${key}.unit`, 'a text')
    to.check(Object.keys(rest).length === 0, `${at}.${key}`, 'value, type and unit alone')
  }
}

function checkCheckIn(checkIn: Json, to: Findings): void {
  to.check(isHex(checkIn.check_in_id, 32) || checkIn.check_in_id === '0'.repeat(32), 'check_in_id', '32 hex digits')
  to.check(isText(checkIn.monitor_slug) && checkIn.monitor_slug !== '', 'monitor_slug', 'a text')
  to.check(['in_progress', 'ok', 'error'].includes(checkIn.status), 'status', 'in_progress, ok or error')
  to.check(checkIn.duration === undefined || checkIn.duration >= 0, 'duration', 'seconds')
}

const REASONS = new Set([
  'queue_overflow',
  'cache_overflow',
  'buffer_overflow',
  'ratelimit_backoff',
  'network_error',
  'sample_rate',
  'before_send',
  'event_processor',
  'send_error',
  'internal_sdk_error',
  'insufficient_data',
  'backpressure',
  'ignored',
  'invalid',
  // These two are of @sentry/core 11.
  'callback_error',
  'no_parent_span'
])
/** What items are counted and limited by. */
export const CATEGORIES: ReadonlySet<string> = new Set([
  'default',
  'error',
  'transaction',
  'span',
  'log_item',
  'log_byte',
  'trace_metric',
  'trace_metric_byte',
  'attachment',
  'session',
  'profile',
  'profile_chunk',
  'monitor',
  'replay',
  'feedback',
  'security',
  'internal'
])

function checkClientReport(report: Json, to: Findings): void {
  to.check(report.timestamp === undefined || isTime(report.timestamp), 'timestamp', 'a time')
  const discarded: Json[] = Array.isArray(report.discarded_events) ? report.discarded_events : []
  to.check(discarded.length > 0 && discarded.length <= 100, 'discarded_events', 'from 1 to 100')
  for (const [i, one] of discarded.entries()) {
    const { reason, category, quantity } = one ?? {}
    to.check(REASONS.has(reason), `discarded_events[${i}].reason`, `a known reason, not ${reason}`)
    to.check(CATEGORIES.has(category) && category !== 'internal', `discarded_events[${i}].category`, `a known category, not ${category}`)
    to.check(Number.isSafeInteger(quantity) && quantity > 0, `discarded_events[${i}].quantity`, 'a whole number above 0')
  }
}

function checkSession(session: Json, to: Findings): void {
  to.check(isObject(session.attrs) && isText(session.attrs.release), 'attrs.release', 'a text')
}
