import type { IncomingHttpHeaders } from 'node:http'
import { parseBatch } from '../../batch.ts'
import type { Host, Push } from '../../component.ts'
import { REFUSALS, RefusedError } from '../../errors.ts'
import { type HttpAnswer, type HttpRequest, type HttpRoute, plainAnswer } from '../../net/http-server.ts'
import type { BodyLimits } from '../../net/limits.ts'
import type { Refusals } from '../../telemetry/refusals.ts'
import { senderOf } from './sender.ts'
import { readTraces, type TraceVersion } from './trace-request.ts'

/** The transport in counters. */
export const TRANSPORT = 'datadog'

/** Spans are several times as large in OTLP, where each of them repeats what Datadog’s format says once. */
const GROWTH_MAX = 4

/** What tracers are told of the Agent: what is listed is served, and what is not they leave alone. By its version they choose how to speak. */
const INFO = {
  version: '7.99.0',
  endpoints: ['/v0.4/traces', '/v0.5/traces'],
  feature_flags: [] as string[],
  // All spans come here, since metrics and statistics are made of all.
  client_drop_p0s: false,
  span_meta_structs: false,
  long_running_spans: false,
  span_events: true,
  evp_proxy_allowed_headers: [] as string[],
  config: { default_env: 'none' },
  peer_tags: [] as string[],
  span_kinds_stats_computed: [] as string[]
}

/** The share of traces that tracers are to keep, by service and environment: all. */
const RATES = '{"rate_by_service":{"service:,env:":1}}'

/** The routes of an Agent's API that tracers use. */
export function agentRoutes(limits: BodyLimits, push: Push, host: Host, refusals: Refusals): HttpRoute[] {
  const api = new AgentApi(limits, push, host, refusals)
  const info = JSON.stringify({ ...INFO, sluice_version: host.version })
  return [
    api.route('GET', '/info', () => jsonAnswer(200, info)),
    ...(['PUT', 'POST'] as const).flatMap((method) => [
      api.route(method, '/v0.4/traces', (request) => api.traces('v0.4', request), admitMsgpack),
      api.route(method, '/v0.5/traces', (request) => api.traces('v0.5', request), admitMsgpack),
      // Counted of all spans here, whoever sent them: taken from tracers too, they would count twice.
      api.route(method, '/v0.6/stats', () => api.leave('stats', jsonAnswer(200, '{}')))
    ]),
    // Not found: remote configuration is off. Tracers ask every five seconds.
    api.route('POST', '/v0.7/config', () => plainAnswer(404, 'there is no remote configuration')),
    api.route('POST', '/telemetry/proxy/*', () => api.leave('telemetry', jsonAnswer(202, '{}')))
  ]
}

class AgentApi {
  private readonly limits: BodyLimits
  private readonly push: Push
  private readonly host: Host
  private readonly refusals: Refusals

  constructor(limits: BodyLimits, push: Push, host: Host, refusals: Refusals) {
    this.limits = limits
    this.push = push
    this.host = host
    this.refusals = refusals
  }

  route(method: HttpRoute['method'], path: string, handle: HttpRoute['handle'], admit?: HttpRoute['admit']): HttpRoute {
    return { method, path, limits: this.limits, handle, refuse: (error) => this.refuse(error), ...(admit && { admit }) }
  }

  async traces(version: TraceVersion, { body, headers, remoteAddress }: HttpRequest): Promise<HttpAnswer> {
    const lease = this.limits.budget.lease()
    try {
      // Tracers look whether an Agent is there by sending nothing.
      if (body.length > 0) {
        const limits = { bytesMax: GROWTH_MAX * this.limits.bodyBytesMax, lease }
        const nowMs = Date.now()
        const { bytes, nameless } = readTraces(version, body, senderOf(headers), limits, nowMs)
        const batch = parseBatch('traces', bytes, nowMs, remoteAddress)
        if (batch.items > 0) await this.push(batch)
        this.count(bytes.length)
        this.drop(nameless, 'no-id')
        this.drop(numberIn(headers['datadog-client-dropped-p0-spans']), 'tracer')
      }
      return jsonAnswer(200, RATES)
    } finally {
      lease.release()
    }
  }

  /** Answers what is of use to Datadog alone, and counts it. */
  leave(what: 'stats' | 'telemetry', answer: HttpAnswer): HttpAnswer {
    const { metrics, name } = this.host
    metrics
      .counter(
        'sluice_datadog_ignored_requests_total',
        'Requests of Datadog’s clients that are answered and not taken, by what they bring.'
      )
      .add(1, { receiver: name, kind: what })
    return answer
  }

  private count(bytes: number): void {
    const { metrics, name } = this.host
    const labels = { receiver: name, transport: TRANSPORT, signal: 'traces' }
    metrics.counter('sluice_receiver_requests_total', 'Requests that a receiver accepted.').add(1, labels)
    metrics.counter('sluice_receiver_bytes_total', 'Bytes of accepted requests, inflated, as protobuf.').add(bytes, labels)
  }

  private drop(spans: number, reason: 'no-id' | 'tracer'): void {
    const { metrics, name } = this.host
    if (spans > 0)
      metrics
        .counter('sluice_datadog_dropped_spans_total', 'Spans of Datadog’s tracers that were left out here, or by the tracer, by reason.')
        .add(spans, { receiver: name, reason })
  }

  // As the Agent answers: in plain words, and 429 to all who are to come back later.
  private refuse(error: unknown): HttpAnswer {
    const { code, message, retryable, retryAfterMs } = this.refusals.of(error)
    const headers: Record<string, string> =
      retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }
    return plainAnswer(retryable && code !== 'unavailable' ? 429 : REFUSALS[code].http, message, headers)
  }
}

function admitMsgpack({ 'content-type': type }: IncomingHttpHeaders): void {
  if (type !== undefined && /\bjson\b/i.test(type))
    throw new RefusedError('unsupported', 'traces in JSON are not spoken here, expected application/msgpack')
}

// How many spans a tracer says that it has left out, though it was told to send all.
function numberIn(header: string | string[] | undefined): number {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : 0
}

function jsonAnswer(status: number, body: string): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body }
}
