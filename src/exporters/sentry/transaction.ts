// Transactions, for a Sentry that knows no spans by themselves: the event of a segment, with the spans under it inside.
// https://develop.sentry.dev/sdk/foundations/transport/event-payloads/transaction/
import type { ResourceSpans } from '../../otlp/objects.ts'
import { Keys } from './attributes.ts'
import type { Build, Built, Payloads } from './context.ts'
import { bytesOf, compact, environmentContexts, fitted } from './contexts.ts'
import { derivedId, isId } from './ids.ts'
import { cut, SPANS_MAX, TRANSACTION_SPANS_BYTES_MAX } from './limits.ts'
import { KIND_NAMES, nameSourceOf, opOf, statusOf, Traits } from './operation.ts'
import { requestOf } from './request.ts'
import { type Sampling, samplingOf } from './sampling.ts'
import { SDK_NAME } from './settings.ts'
import { nameOf } from './source.ts'
import { eventsText } from './span-events.ts'
import { headerOf, UNNAMED } from './span-items.ts'
import { type Held, segmentOf, sortSpans, type Trace } from './spans.ts'
import { tagsOf } from './tags.ts'
import { Taken } from './taken.ts'
import { secondsOf } from './time.ts'
import { DATA_BYTES_MAX } from './trace-context.ts'
import { eventPayload } from './trim-event.ts'
import { userOf } from './user.ts'
import { attributesOf, type JsonMap, jsonMap, jsonOf } from './values.ts'

/**
 * All segments as transactions, each with those of its spans that are in the batch. A span whose segment is not there cannot be sent: Sentry takes no
 * span of a transaction after it, and as a transaction of its own it would be counted as a request that never was.
 */
export function transactionItems(entries: readonly ResourceSpans[], build: Build): Payloads {
  const { traces, withoutIds } = sortSpans(entries, new Keys(), build)
  const rejected = new Map<string, object[]>()
  const reject = (reason: string, spans: readonly object[]): void => {
    if (spans.length > 0) rejected.set(reason, [...(rejected.get(reason) ?? []), ...spans])
  }
  reject('no trace id or span id', withoutIds)
  const built: Built[] = []
  for (const trace of traces.values()) {
    const { segments, orphans } = bySegment(trace)
    reject('the segment of the span is not in the batch', orphans)
    for (const [segment, below] of segments) {
      const sampling = samplingOf(segment.span.traceState, trace.id)
      const { children, left } = fittingChildren(below, build)
      reject('no room in its transaction', left)
      const event = transactionEvent(segment, sampling, build)
      event.spans = children.map(({ json }) => json)
      const payload = eventPayload(event, build.trimmed)
      built.push({
        trace: headerOf(trace, { sampling, spans: [segment] }, build),
        eventId: event.event_id as string,
        items: [{ header: { type: 'transaction' }, payload }],
        records: [segment.span, ...children.map(({ held }) => held.span)]
      })
    }
  }
  return { built, rejected }
}

function bySegment(trace: Trace): { segments: Map<Held, Held[]>; orphans: object[] } {
  const segments = new Map<Held, Held[]>()
  const orphans: object[] = []
  for (const { spans } of trace.groups.values()) {
    for (const held of spans) {
      const segment = segmentOf(held, trace)
      if (segment === null) {
        orphans.push(held.span)
        continue
      }
      const below = segments.get(segment) ?? []
      if (segment !== held) below.push(held)
      segments.set(segment, below)
    }
  }
  return { segments, orphans }
}

interface Child {
  readonly held: Held
  readonly json: JsonMap
}

// As many as a transaction may have, and as there is room for: those that come last first lose their data, and then their place.
function fittingChildren(below: readonly Held[], build: Build): { children: Child[]; left: object[] } {
  const children: Child[] = []
  const left: object[] = []
  let bytes = 0
  for (const held of below) {
    const json = childOf(held, build)
    let size = bytesOf(json)
    if (bytes + size > TRANSACTION_SPANS_BYTES_MAX) {
      delete json.data
      build.trimmed.add('span data')
      size = bytesOf(json)
    }
    if (children.length === SPANS_MAX || bytes + size > TRANSACTION_SPANS_BYTES_MAX) {
      left.push(held.span)
      continue
    }
    bytes += size
    children.push({ held, json })
  }
  return { children, left }
}

function childOf({ span }: Held, { trimmed, receivedAtMs }: Build): JsonMap {
  const traits = new Traits().readAll(span.attributes)
  const data = jsonMap()
  for (const { key, value } of span.attributes ?? []) {
    const json = key === undefined || value === undefined ? undefined : jsonOf(value)
    if (json !== undefined) data[key!] = json
  }
  return compact({
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_span_id: isId(span.parentSpanId) ? span.parentSpanId : undefined,
    op: opOf(span.kind ?? 0, traits),
    description: cut(span.name || UNNAMED, DESCRIPTION_CHARACTERS_MAX),
    ...timesOf(span, receivedAtMs),
    status: statusOf(span.status?.code ?? 0, traits),
    origin: ORIGIN,
    data: Object.keys(data).length === 0 ? undefined : fitted(data, 'span data', trimmed, DATA_BYTES_MAX)
  })
}

const DESCRIPTION_CHARACTERS_MAX = 2048
const ORIGIN = 'auto.otlp.span'

function timesOf({ startTimeUnixNano: start, endTimeUnixNano: end }: Held['span'], receivedAtMs: number): JsonMap {
  const from = secondsOf(start, end, receivedAtMs)
  return { start_timestamp: from, timestamp: Math.max(from, secondsOf(end, start, receivedAtMs)) }
}

function transactionEvent({ span, sender }: Held, { rate }: Sampling, build: Build): JsonMap {
  const { settings, trimmed, receivedAtMs } = build
  const { source } = sender
  const kind = span.kind ?? 0
  const traits = new Traits().readAll(span.attributes)
  const attributes = attributesOf(span.attributes)
  const tags = tagsOf(attributes, source, settings.tags)
  attributes.set('span.kind', { stringValue: KIND_NAMES[kind] ?? KIND_NAMES[0] })
  const own = new Taken(attributes)
  const resource = new Taken(source.attributes)
  const request = requestOf(own)
  const user = userOf(own, resource, settings.sendEmail)
  const contexts: JsonMap = environmentContexts(own, resource, trimmed)
  const leftover = resource.rest()
  if (Object.keys(leftover).length > 0) contexts.resource = fitted(leftover, 'resource', trimmed)
  const data = own.rest()
  if (span.events !== undefined && span.events.length > 0) data['span.events'] = eventsText(span.events, trimmed)
  if (span.status?.message) data['sentry.status.message'] = span.status.message
  contexts.trace = compact({
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_span_id: isId(span.parentSpanId) ? span.parentSpanId : undefined,
    op: opOf(kind, traits),
    status: statusOf(span.status?.code ?? 0, traits),
    origin: ORIGIN,
    client_sample_rate: rate,
    data: fitted(data, 'trace', trimmed, DATA_BYTES_MAX)
  })
  return {
    event_id: derivedId('transaction', span.traceId, span.spanId, span.startTimeUnixNano),
    type: 'transaction',
    platform: source.platform ?? 'other',
    transaction: nameOf(span.name) ?? UNNAMED,
    transaction_info: { source: nameSourceOf(kind, traits) },
    ...timesOf(span, receivedAtMs),
    environment: source.environment,
    sdk: { name: SDK_NAME, version: settings.version },
    tags,
    contexts,
    ...compact({ release: source.release, dist: source.dist, server_name: source.serverName, request, user })
  }
}
