import { CLIENT, CONSUMER, PRODUCER, SERVER } from '../../datadog/naming.ts'
import type { MsgpackWriter } from '../../msgpack/writer.ts'
import { adjustedCount } from '../../otlp/adjusted-count.ts'
import type { AnyValue, KeyValue, Span, SpanEvent, SpanLink } from '../../otlp/objects.ts'
import { type Attributes, attributesOf, errorOf, isError, namesIn } from './span-facts.ts'
import type { Sender } from './tags.ts'
import { type Json, jsonOf, textIn } from './values.ts'

/** A resource and its scope, and what spans have of them. */
export interface Origin {
  readonly sender: Sender
  readonly resource: Attributes
  readonly scopeName: string
  readonly scopeVersion: string
}

export interface NativeSpan {
  readonly span: Span
  readonly origin: Origin
}

export interface SpanPlace {
  /** Of its chunk: it tells what all of the chunk have in common. */
  readonly isFirst: boolean
  /** It tells how many spans it stands for, since nobody else does. */
  readonly isWeighed: boolean
}

const META_KEY_CHARACTERS_MAX = 200
const META_VALUE_CHARACTERS_MAX = 25_000
const NS_PER_MS = 1_000_000n
/** Earlier starts are refused by the Agent, which then takes the time that it got the span. */
const NS_MIN = 1_000_000_000_000_000_000n
const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer']
const STATUSES = ['', 'Ok', 'Error']
const DECIDED_BY_RULE = '-3'

const RENAMED: Readonly<Record<string, string>> = {
  'http.request.method': 'http.method',
  'http.response.status_code': 'http.status_code',
  'url.full': 'http.url',
  'client.address': 'http.client_ip',
  'user_agent.original': 'http.useragent',
  'server.address': 'http.server_name'
}
const HEADER = 'http.request.header.'
/** Told by fields of their own. */
const FIELDS = new Set([
  'service.name',
  'operation.name',
  'resource.name',
  'span.type',
  'sampling.priority',
  'error.type',
  'error.message',
  'error.stack'
])
const RESOURCE_FIELDS = new Set(['service.name', 'service.version', 'deployment.environment.name', 'deployment.environment'])
/** Numbers that Datadog has as texts. */
const TEXTS = new Set(['http.status_code'])

// The wire: a map { trace_id, span_id, parent_id, start, duration (ns), error (0 or 1), name, resource, service, type, meta { text: text },
// metrics { text: double } }. Of the trace id only the low half; the high half is in the meta of the first span of a chunk.
/** Writes a span for the API of an Agent. */
export function writeSpan(out: MsgpackWriter, { span, origin }: NativeSpan, place: SpanPlace, receivedAtMs: number): void {
  const own = attributesOf(span.attributes)
  const names = namesIn(span, own, origin.resource)
  const { start, duration } = timesOf(span, receivedAtMs)
  const { meta, metrics } = new Tags().read(span, own, origin, place)
  out.map(12)
  out.text('trace_id')
  out.unsignedHex(span.traceId!.slice(16))
  out.text('span_id')
  out.unsignedHex(span.spanId!)
  out.text('parent_id')
  out.unsignedHex(span.parentSpanId || '0'.repeat(16))
  out.text('start')
  out.unsigned(start)
  out.text('duration')
  out.unsigned(duration)
  out.text('error')
  out.unsigned(isError(span) ? 1 : 0)
  out.text('name')
  out.text(names.operation)
  out.text('resource')
  out.text(names.resource)
  out.text('service')
  out.text(names.service)
  out.text('type')
  out.text(names.type)
  out.text('meta')
  out.map(meta.size)
  for (const [key, value] of meta) {
    out.text(key)
    out.text(value)
  }
  out.text('metrics')
  out.map(metrics.size)
  for (const [key, value] of metrics) {
    out.text(key)
    out.double(value)
  }
}

function timesOf({ startTimeUnixNano = 0n, endTimeUnixNano = 0n }: Span, receivedAtMs: number): { start: bigint; duration: bigint } {
  const duration = startTimeUnixNano > 0n && endTimeUnixNano > startTimeUnixNano ? endTimeUnixNano - startTimeUnixNano : 0n
  const start = startTimeUnixNano || endTimeUnixNano
  return { start: start >= NS_MIN && start < 2n ** 63n ? start : BigInt(Math.floor(receivedAtMs)) * NS_PER_MS, duration }
}

class Tags {
  readonly meta = new Map<string, string>()
  readonly metrics = new Map<string, number>()

  read(span: Span, own: Attributes, origin: Origin, { isFirst, isWeighed }: SpanPlace): this {
    const { kind = 0, status, traceState, traceId } = span
    for (const [key, value] of origin.resource) if (!RESOURCE_FIELDS.has(key)) this.add(key, value)
    for (const tag of origin.sender.tags) this.text(tag.slice(0, tag.indexOf(':')), tag.slice(tag.indexOf(':') + 1))
    for (const [key, value] of own) if (!FIELDS.has(key)) this.add(nameOf(key), value)
    this.text('otel.trace_id', traceId)
    this.text('span.kind', KINDS[kind])
    this.text('otel.scope.name', origin.scopeName)
    this.text('otel.scope.version', origin.scopeVersion)
    this.text('otel.status_code', STATUSES[status?.code ?? 0])
    this.text('otel.status_description', status?.message)
    this.text('w3c.tracestate', traceState)
    this.text('language', this.meta.get('telemetry.sdk.language'))
    const { type, message, stack } = errorOf(span, own)
    this.text('error.type', type)
    this.text('error.message', message)
    this.text('error.msg', message)
    this.text('error.stack', stack)
    this.lists(span)
    if (isTopLevel(span, own)) this.metrics.set('_dd.top_level', 1)
    if (kind === CLIENT || kind === PRODUCER) this.metrics.set('_dd.measured', 1)
    const isRoot = !span.parentSpanId || /^0+$/.test(span.parentSpanId)
    if (isFirst || isRoot) {
      const wish = Number(own.get('sampling.priority')?.intValue ?? own.get('sampling.priority')?.doubleValue ?? 1)
      // Below 1 the Agent would choose again.
      this.metrics.set('_sampling_priority_v1', wish >= 2 ? 2 : 1)
      this.text('_dd.p.dm', this.meta.get('_dd.p.dm') ?? DECIDED_BY_RULE)
    }
    if (isFirst && isWeighed) this.metrics.set('_sample_rate', shareOf(traceState))
    if (isFirst) this.text('_dd.p.tid', traceId!.slice(0, 16))
    else this.meta.delete('_dd.p.tid')
    return this
  }

  // Too long a list is shown in part: the newest of it is what matters.
  private lists({ events = [], links = [] }: Span): void {
    if (events.length > 0) this.json('events', events.map(eventOf))
    if (events.some(({ name }) => name === 'exception')) this.text('_dd.span_events.has_exception', 'true')
    if (links.length > 0) this.json('_dd.span_links', links.map(linkOf))
  }

  private json(key: string, list: Json[]): void {
    let text = JSON.stringify(list)
    while (text.length > META_VALUE_CHARACTERS_MAX && list.length > 0) {
      list = list.length === 1 ? [] : list.slice(Math.ceil(list.length / 2))
      text = JSON.stringify(list)
    }
    if (list.length > 0) this.meta.set(key, text)
  }

  private text(key: string, value: string | undefined): void {
    if (value === undefined || value === '') return
    const name = key.slice(0, META_KEY_CHARACTERS_MAX)
    if (name !== '') this.meta.set(name, value.length > META_VALUE_CHARACTERS_MAX ? value.slice(0, META_VALUE_CHARACTERS_MAX) : value)
  }

  private add(key: string, value: AnyValue): void {
    const number = value.intValue !== undefined ? Number(value.intValue) : value.doubleValue
    if (number === undefined || TEXTS.has(key)) this.text(key, textIn(value))
    else if (Number.isFinite(number)) this.metrics.set(key.slice(0, META_KEY_CHARACTERS_MAX), number)
    else this.text(key, String(number))
  }
}

/** The share of spans that was kept along with this one. */
function shareOf(traceState: string | undefined): number {
  const bytes = Buffer.from(traceState ?? '')
  return 1 / (adjustedCount(bytes, 0, bytes.length) || 1)
}

/** Where a service is entered. */
function isTopLevel({ kind, parentSpanId }: Span, own: Attributes): boolean {
  if (!parentSpanId || /^0+$/.test(parentSpanId) || kind === SERVER || kind === CONSUMER) return true
  return textIn(own.get('_dd.top_level')) === '1'
}

function nameOf(key: string): string {
  if (Object.hasOwn(RENAMED, key)) return RENAMED[key]
  return key.startsWith(HEADER) ? `http.request.headers.${key.slice(HEADER.length)}` : key
}

function eventOf({ timeUnixNano = 0n, name = '', attributes }: SpanEvent): Json {
  return { name, time_unix_nano: Number(timeUnixNano), attributes: jsonAttributes(attributes) }
}

function linkOf({ traceId = '', spanId = '', traceState, flags, attributes }: SpanLink): Json {
  return {
    ...{ trace_id: traceId, span_id: spanId },
    ...(traceState ? { tracestate: traceState } : {}),
    ...(flags === undefined ? {} : { flags }),
    ...(attributes === undefined ? {} : { attributes: jsonAttributes(attributes) })
  }
}

function jsonAttributes(attributes: readonly KeyValue[] | undefined): Json {
  return Object.fromEntries(Array.from(attributesOf(attributes), ([key, value]) => [key, jsonOf(value) ?? null]))
}
