// An envelope as Sentry's intake reads it, strictly; not our own reader.
import { validateItem } from './sentry-check.ts'
import { Findings, isHex, isObject, isText, type Json, parse } from './sentry-json.ts'

export interface ReadItem {
  readonly type: string
  readonly header: Json
  readonly payload: Buffer
  /** The payload, where it is JSON. */
  readonly json: Json
}

export interface ReadEnvelope {
  readonly header: Json
  readonly items: readonly ReadItem[]
  /** All that is wrong with it, in words. */
  readonly problems: readonly string[]
}

const ENVELOPE_BYTES_MAX = 200 * 1024 * 1024
/** Telemetry of which an envelope holds one kind at most; what is not here may go along with any. */
const KINDS = ['event', 'transaction', 'span', 'log', 'trace_metric', 'otel_log', 'check_in', 'profile_chunk', 'feedback']
const SINGLE = new Set(['event', 'transaction', 'span', 'log', 'trace_metric'])

/** `ours`: held to what this gateway writes; SDKs leave out lengths where a payload is one line, and now and then the time of sending. */
export function readStrictly(bytes: Buffer, ours = true): ReadEnvelope {
  const to = new Findings()
  const items: ReadItem[] = []
  to.check(bytes.length <= ENVELOPE_BYTES_MAX, 'envelope', 'at most 200 MiB')
  let at = bytes.indexOf(10)
  const headerLine = bytes.subarray(0, at < 0 ? bytes.length : at)
  const header = parse(headerLine)
  if (!isObject(header)) return { header: {}, items, problems: ['header: expected a JSON object in one line'] }
  at = at < 0 ? bytes.length : at + 1
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at)
    const line = bytes.subarray(at, end < 0 ? bytes.length : end)
    if (line.length === 0 && end === bytes.length - 1) break
    const itemHeader = parse(line)
    to.check(line.at(-1) !== 13, `item ${items.length}`, 'a line feed alone at the end of its header')
    if (!isObject(itemHeader)) return { header, items, problems: [...to.list, `item ${items.length}: expected a header in one line`] }
    const start = end < 0 ? bytes.length : end + 1
    const lineEnd = bytes.indexOf(10, start)
    const length = (itemHeader as Json).length ?? (lineEnd < 0 ? bytes.length : lineEnd) - start
    to.check(!ours || itemHeader.length !== undefined, `item ${items.length}`, 'a length')
    if (!Number.isInteger(length) || length < 0 || start + length > bytes.length)
      return { header, items, problems: [...to.list, `item ${items.length}: expected a length within the envelope, not ${length}`] }
    const payload = bytes.subarray(start, start + length)
    at = start + length
    to.check(at === bytes.length || bytes[at] === 10, `item ${items.length}`, 'a line feed or the end behind the payload')
    at++
    const problems = validateItem(itemHeader, payload)
    items.push({ type: String(itemHeader.type), header: itemHeader, payload, json: parse(payload) })
    for (const problem of problems) to.list.push(`item ${items.length - 1}: ${problem}`)
  }
  to.check(!ours || header.sent_at !== undefined, 'header.sent_at', 'one')
  checkHeader(header, headerLine.toString(), items, to)
  checkKinds(header, items, to)
  return { header, items, problems: to.list }
}

function checkHeader(header: Json, line: string, items: readonly ReadItem[], to: Findings): void {
  to.check(
    header.sent_at === undefined || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(header.sent_at),
    'header.sent_at',
    'RFC 3339 in UTC'
  )
  to.check(line.split('"sent_at"').length <= 2, 'header.sent_at', 'one of it')
  const event = items.find(({ type }) => type === 'event' || type === 'transaction')
  if (header.event_id !== undefined || event !== undefined)
    to.check(isHex(header.event_id, 32), 'header.event_id', '32 lowercase hex digits')
  if (isObject(event?.json)) to.check(event.json.event_id === header.event_id, 'header.event_id', 'that of the event')
  const { sdk, trace } = header
  to.check(sdk === undefined || (isText(sdk?.name) && isText(sdk?.version)), 'header.sdk', 'name and version')
  if (trace === undefined) return
  to.check(isObject(trace) && Object.values(trace).every((value) => isText(value)), 'header.trace', 'texts alone')
  to.check(isHex(trace.trace_id, 32) && isText(trace.public_key), 'header.trace', 'trace_id and public_key')
  const [rate, random] = [trace.sample_rate, trace.sample_rand].map((value) => (value === undefined ? undefined : Number(value)))
  to.check(rate === undefined || (rate >= 0 && rate <= 1), 'header.trace.sample_rate', '0 to 1')
  to.check(random === undefined || (random >= 0 && random < 1), 'header.trace.sample_rand', 'from 0, below 1')
  to.check(trace.sampled === undefined || ['true', 'false'].includes(trace.sampled), 'header.trace.sampled', 'true or false')
  if (rate !== undefined && random !== undefined && trace.sampled !== undefined)
    to.check(random < rate === (trace.sampled === 'true'), 'header.trace', 'sample_rand < sample_rate when it is sampled, and only then')
}

function checkKinds(header: Json, items: readonly ReadItem[], to: Findings): void {
  const kinds = new Set(items.map(({ type }) => type).filter((type) => KINDS.includes(type)))
  to.check(kinds.size <= 1, 'envelope', `one kind of telemetry, not ${[...kinds].join(' and ')}`)
  for (const kind of kinds)
    if (SINGLE.has(kind)) to.check(items.filter(({ type }) => type === kind).length === 1, 'envelope', `one item of type ${kind}`)
  for (const { type, json } of items) {
    if (!['span', 'log', 'trace_metric'].includes(type) || !Array.isArray(json?.items)) continue
    const traces = new Set<string>(json.items.map((item: Json) => item?.trace_id))
    if (type === 'span') to.check(traces.size === 1, 'span', 'spans of one trace')
    if (header.trace === undefined) continue
    to.check(traces.size === 1 && traces.has(header.trace.trace_id), `header.trace`, `the one trace of the items of type ${type}`)
  }
}
