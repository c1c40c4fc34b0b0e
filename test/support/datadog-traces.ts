import type { OtlpSpan, Tree } from './datadog-otlp.ts'
import { rowOfSpan, type StatisticsRow } from './datadog-statistics.ts'
import { readMsgpack } from './read-msgpack.ts'

/** A span as Datadog keeps it, however it came. */
export interface DatadogSpan {
  /** The low 64 bits in decimal, and all 128 in hexadecimal. */
  readonly traceId: string
  readonly traceIdHex: string
  readonly spanId: string
  /** '0' when there is no parent. */
  readonly parentId: string
  readonly service: string
  /** The operation. */
  readonly name: string
  readonly resource: string
  readonly type: string
  readonly error: boolean
  readonly startNs: bigint
  readonly durationNs: number
  readonly meta: Readonly<Record<string, string>>
  readonly metrics: Readonly<Record<string, number>>
  readonly isTopLevel: boolean
}

const LENGTHS: Readonly<Record<string, number>> = { name: 100, service: 100, type: 100, resource: 5000 }
const META_KEY_MAX = 200
const META_VALUE_MAX = 25_000
const FIELDS = new Set([
  ...['trace_id', 'span_id', 'parent_id', 'name', 'resource', 'service', 'type', 'error', 'start', 'duration', 'meta', 'metrics'],
  ...['meta_struct', 'span_events', 'span_links']
])
const COMPUTED_KINDS = new Set(['server', 'client', 'producer', 'consumer'])
const NS_2001 = 10n ** 18n

export interface ReadTraces {
  readonly spans: DatadogSpan[]
  /** How many traces there were, and how many of them the Agent may sample away, for their priority is missing or below 1. */
  readonly traces: number
  readonly unprotected: number
}

/** Reads the body of a request to `/v0.4/traces`: traces of spans. What is wrong goes to `problems`. */
export function readTraces(bytes: Buffer, problems: string[]): ReadTraces {
  const traces = readMsgpack(bytes)
  if (!Array.isArray(traces)) throw new Error('expected an array of traces')
  const spans: DatadogSpan[] = []
  let unprotected = 0
  for (const trace of traces) {
    if (!Array.isArray(trace) || trace.length === 0) throw new Error('expected a trace with spans')
    const priority = trace.map((span) => span.metrics?._sampling_priority_v1).find((each) => each !== undefined)
    if (!(priority >= 1)) unprotected++
    spans.push(...readTrace(trace, problems))
  }
  return { spans, traces: traces.length, unprotected }
}

function readTrace(trace: readonly Tree[], problems: string[]): DatadogSpan[] {
  const say = (problem: string): void => void problems.push(problem)
  const [{ trace_id: traceId, meta: { '_dd.p.tid': upper = '0'.repeat(16) } = {} }] = trace
  if (!/^[0-9a-f]{16}$/.test(upper)) say(`_dd.p.tid ${upper}`)
  const ids = new Map<string, string>()
  for (const span of trace) ids.set(String(span.span_id), span.service)
  if (ids.size !== trace.length) say('a span id comes twice in a trace')
  return trace.map((span): DatadogSpan => {
    const { name, resource, service, type = '', error = 0, start, duration, meta = {}, metrics = {} } = span
    for (const key of Object.keys(span)) if (!FIELDS.has(key)) say(`unknown field ${key}`)
    for (const [key, max] of Object.entries(LENGTHS)) {
      const text = span[key] ?? (key === 'type' ? '' : undefined)
      if (typeof text !== 'string' || text.length > max || (text === '' && key !== 'type'))
        say(`${key} is ${typeof text === 'string' ? `of ${text.length} characters` : typeof text}`)
    }
    if (!isId(span.trace_id) || BigInt(span.trace_id) !== BigInt(traceId ?? 0)) say('trace_id')
    if (!isId(span.span_id)) say('span_id')
    if (span.parent_id !== undefined && typeof span.parent_id !== 'bigint' && !(span.parent_id >= 0)) say('parent_id')
    if (error !== 0 && error !== 1) say(`error ${error}`)
    if (BigInt(start ?? 0) < NS_2001) say(`start ${start}`)
    if (!(Number(duration) >= 0)) say(`duration ${duration}`)
    const tid = meta['_dd.p.tid']
    if (tid !== undefined && tid !== upper) say('_dd.p.tid differs within a trace')
    checkTexts(meta, say)
    for (const [key, value] of Object.entries(metrics))
      if (!['number', 'bigint'].includes(typeof value) || !Number.isFinite(Number(value)) || key.length > META_KEY_MAX)
        say(`metrics ${key}`)
    checkJson(meta, say)
    const parentId = String(span.parent_id ?? 0)
    return {
      traceId: String(traceId),
      traceIdHex: `${upper}${BigInt(traceId ?? 0)
        .toString(16)
        .padStart(16, '0')}`,
      spanId: String(span.span_id),
      parentId,
      service,
      name,
      resource,
      type,
      error: error === 1,
      startNs: BigInt(start ?? 0),
      durationNs: Number(duration),
      meta,
      metrics: Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, Number(value)])),
      isTopLevel: ids.get(parentId) !== service
    }
  })
}

function isId(id: unknown): boolean {
  return (typeof id === 'bigint' && id > 0n) || (typeof id === 'number' && Number.isInteger(id) && id > 0)
}

function checkTexts(meta: Record<string, unknown>, say: (problem: string) => void): void {
  for (const [key, value] of Object.entries(meta)) {
    if (key === '' || key.length > META_KEY_MAX) say(`a meta key of ${key.length} characters`)
    if (typeof value !== 'string' || value.length > META_VALUE_MAX) say(`meta ${key} is no text, or too long`)
  }
}

function checkJson(meta: Record<string, string>, say: (problem: string) => void): void {
  for (const key of ['events', '_dd.span_links']) {
    if (meta[key] === undefined) continue
    try {
      if (!Array.isArray(JSON.parse(meta[key]))) say(`meta ${key} is no list`)
    } catch {
      say(`meta ${key} is no JSON`)
    }
  }
}

/** Spans of OTLP as the Agent and the intake understand them. */
export function fromOtlp(spans: readonly OtlpSpan[]): DatadogSpan[] {
  const services = new Map(spans.map((span) => [`${span.traceId}${span.spanId}`, serviceOf(span)]))
  return spans.map((span): DatadogSpan => {
    const { attributes, resource, traceId, spanId, parentSpanId } = span
    const service = serviceOf(span)
    return {
      traceId: String(BigInt(`0x${traceId.slice(16)}`)),
      traceIdHex: traceId,
      spanId: String(BigInt(`0x${spanId}`)),
      parentId: parentSpanId === '' ? '0' : String(BigInt(`0x${parentSpanId}`)),
      service,
      name: operationOf(span),
      resource: resourceOf(span),
      type: String(attributes['span.type'] ?? typeOf(span)),
      error: span.status === 2,
      startNs: span.startNs,
      durationNs: span.durationNs,
      meta: texts({ ...resource, ...attributes, 'span.kind': KINDS[span.kind] ?? '' }),
      metrics: weightOf(span) === undefined ? {} : { _sample_rate: weightOf(span)! },
      isTopLevel: parentSpanId === '' || services.get(`${traceId}${parentSpanId}`) !== service
    }
  })
}

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer']
const HTTP_KINDS: Readonly<Record<number, string>> = { 2: 'http.server.request', 3: 'http.client.request' }

function serviceOf({ attributes, resource }: OtlpSpan): string {
  return String(attributes['service.name'] ?? resource['service.name'] ?? 'otlpresourcenoservicename')
}

function operationOf({ attributes: a, kind }: OtlpSpan): string {
  if (a['operation.name'] !== undefined) return String(a['operation.name'])
  if ((a['http.request.method'] ?? a['http.method']) !== undefined && HTTP_KINDS[kind] !== undefined) return HTTP_KINDS[kind]
  const database = a['db.system.name'] ?? a['db.system']
  if (database !== undefined && kind === 3) return `${database}.query`
  if (a['messaging.system'] !== undefined && a['messaging.operation'] !== undefined)
    return `${a['messaging.system']}.${a['messaging.operation']}`
  if (a['rpc.system'] !== undefined) return `${a['rpc.system']}.${kind === 2 ? 'server' : 'client'}.request`
  if (kind === 2) return 'server.request'
  return kind === 3 ? 'client.request' : (KINDS[kind] ?? '')
}

function resourceOf({ attributes: a, name, kind }: OtlpSpan): string {
  if (a['resource.name'] !== undefined) return String(a['resource.name'])
  const method = a['http.request.method'] ?? a['http.method']
  if (method !== undefined) {
    const verb = method === '_OTHER' ? 'HTTP' : method
    const route = a['http.route']
    return kind === 2 && route !== undefined ? `${verb} ${route}` : String(verb)
  }
  const operation = a['messaging.operation']
  if (operation !== undefined) return [operation, a['messaging.destination.name'] ?? a['messaging.destination']].filter(Boolean).join(' ')
  if (a['rpc.method'] !== undefined) return [a['rpc.method'], a['rpc.service']].filter(Boolean).join(' ')
  return String(a['db.query.text'] ?? a['db.statement'] ?? name)
}

function typeOf({ attributes, kind }: OtlpSpan): string {
  if (kind === 2) return 'web'
  if (kind !== 3) return 'custom'
  const database = attributes['db.system.name'] ?? attributes['db.system']
  if (database === undefined) return 'http'
  return /^(redis|memcached|mongodb|cassandra|elasticsearch|opensearch)$/.test(String(database)) ? String(database) : 'sql'
}

// The share that was kept: the attribute, or what stands in the trace state.
function weightOf({ attributes, traceState }: OtlpSpan): number | undefined {
  if (typeof attributes._sample_rate === 'number') return attributes._sample_rate
  const threshold = /(?:^|,)\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})/.exec(traceState)?.[1]
  return threshold === undefined ? undefined : 1 - Number(`0x${threshold.padEnd(14, '0')}`) / 2 ** 56
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]))
}

/**
 * What the Agent or the intake makes of spans of which nobody has made statistics: hits of spans that enter a service or that leave the
 * process, each as often as the root of its trace says, when `isWeighed`.
 */
export function statisticsOf(spans: readonly DatadogSpan[], isWeighed: boolean): StatisticsRow[] {
  const present = new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`))
  const rates = new Map<string, number>()
  for (const { traceId, parentId, metrics } of spans)
    if (!present.has(`${traceId} ${parentId}`) && metrics._sample_rate > 0) rates.set(traceId, metrics._sample_rate)
  const rows: StatisticsRow[] = []
  for (const span of spans) {
    const spanKind = span.meta['span.kind'] ?? ''
    if (!(span.isTopLevel || span.metrics['_dd.measured'] === 1 || COMPUTED_KINDS.has(spanKind))) continue
    const httpStatus = Number(span.meta['http.status_code'] ?? span.meta['http.response.status_code'] ?? 0)
    const env = span.meta.env ?? span.meta['deployment.environment.name'] ?? span.meta['deployment.environment'] ?? ''
    const key = { service: span.service, name: span.name, resource: span.resource, type: span.type, httpStatus, spanKind, env }
    rows.push(rowOfSpan(key, span.durationNs, span.error, span.isTopLevel, isWeighed ? 1 / (rates.get(span.traceId) ?? 1) : 1))
  }
  return rows
}
