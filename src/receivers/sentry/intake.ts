import type { IncomingHttpHeaders } from 'node:http'
import { inflateSync } from 'node:zlib'
import type { Signal } from '../../batch.ts'
import type { Host, Push } from '../../component.ts'
import { REFUSALS, RefusedError } from '../../errors.ts'
import type { HttpAnswer, HttpRequest, HttpRoute } from '../../net/http-server.ts'
import type { BodyLimits } from '../../net/limits.ts'
import { type Envelope, objectOf, readEnvelope } from '../../sentry/envelope.ts'
import { INSTANCE, INSTANCE_HEADER } from '../../sentry/loop.ts'
import { Refusals } from '../../telemetry/refusals.ts'
import { addressOf } from './auth.ts'
import { Cors } from './cors.ts'
import { labelOf } from './item-types.ts'
import { admitOtlp, OTLP_PATHS, otlpBatch, type SentryOtlpSignal } from './otlp-intake.ts'
import { EnvelopeReader, type ItemSettings } from './records.ts'

export interface IntakeSettings extends ItemSettings {
  /** Public keys that are let in; none means all. */
  readonly keys: readonly string[]
  readonly origins: readonly string[]
  /** The path of the tunnel; empty for none. */
  readonly tunnel: string
  readonly limits: BodyLimits
}

const TRANSPORT = 'sentry'
/** An SDK sends a few items in an envelope, and headers of a few hundred bytes. */
const LIMITS = { itemsMax: 1000, headerBytesMax: 64 * 1024 }
/** Records and their bytes take about as much again, while they are on their way in. */
const COPIES = 2

type Read = (request: HttpRequest) => Envelope

/** The routes that Sentry SDKs send to: envelopes, the same through a tunnel, events of old, and OTLP where Sentry takes it. */
export function routesOf(settings: IntakeSettings, push: Push, host: Host): HttpRoute[] {
  const intake = new Intake(settings, push, host)
  const envelopes = ['/api/:project/envelope', '/api/:project/envelope/', ...(settings.tunnel === '' ? [] : [settings.tunnel])]
  const stores = ['/api/:project/store', '/api/:project/store/']
  return [
    ...envelopes.flatMap((path) => intake.routes(path, ({ body }) => readEnvelope(body, LIMITS))),
    ...stores.flatMap((path) => intake.routes(path, ({ body }) => readEvent(body, settings.limits.bodyBytesMax))),
    ...(['traces', 'logs'] as const).flatMap((signal) => intake.otlpRoutes(signal))
  ]
}

class Intake {
  private readonly settings: IntakeSettings
  private readonly push: Push
  private readonly host: Host
  private readonly refusals: Refusals
  private readonly cors: Cors

  constructor(settings: IntakeSettings, push: Push, host: Host) {
    this.settings = settings
    this.push = push
    this.host = host
    this.refusals = new Refusals(host, TRANSPORT)
    this.cors = new Cors(settings.origins)
  }

  routes(path: string, read: Read): HttpRoute[] {
    const { limits } = this.settings
    const refuse: HttpRoute['refuse'] = (error, headers) => this.refuse(error, this.cors.headers(headers))
    const preflight: HttpRoute = { method: 'OPTIONS', path, limits, handle: ({ headers }) => this.cors.preflight(headers), refuse }
    return [{ method: 'POST', path, limits, admit: refuseOwn, handle: (request) => this.take(request, read), refuse }, preflight]
  }

  otlpRoutes(signal: SentryOtlpSignal): HttpRoute[] {
    const { limits } = this.settings
    const route: Omit<HttpRoute, 'path'> = {
      method: 'POST',
      limits,
      admit(headers) {
        refuseOwn(headers)
        admitOtlp(headers)
      },
      handle: (request) => this.takeOtlp(signal, request),
      refuse: (error) => this.refuse(error, {})
    }
    return ['', '/'].map((slash) => ({ ...route, path: `/api/:project${OTLP_PATHS[signal]}${slash}` }))
  }

  private async takeOtlp(signal: SentryOtlpSignal, request: HttpRequest): Promise<HttpAnswer> {
    const { keys, limits } = this.settings
    addressOf(request, {}, keys)
    const batch = otlpBatch(signal, request, limits.bodyBytesMax)
    if (batch.items > 0) await this.push(batch)
    this.countAccepted(signal, batch.bytes.length)
    return { status: 202, headers: {}, body: '' }
  }

  private async take(request: HttpRequest, read: Read): Promise<HttpAnswer> {
    const { settings } = this
    const { body, headers, remoteAddress } = request
    const lease = settings.limits.budget.lease()
    try {
      lease.take(COPIES * body.length)
      const envelope = read(request)
      const address = addressOf(request, envelope.header, settings.keys)
      const reader = new EnvelopeReader(envelope, address, settings, Date.now())
      const batch = reader.batch(remoteAddress)
      if (batch !== null) await this.push(batch)
      this.countItems(reader)
      if (envelope.items.length > 0 && reader.dropped.length === envelope.items.length) refuseAll(reader)
      this.countAccepted('envelopes', body.length)
      return jsonAnswer(200, reader.eventId === undefined ? {} : { id: reader.eventId }, this.cors.headers(headers))
    } finally {
      lease.release()
    }
  }

  private countAccepted(signal: Signal, bytes: number): void {
    const { metrics, name } = this.host
    const labels = { receiver: name, transport: TRANSPORT, signal }
    metrics.counter('sluice_receiver_requests_total', 'Requests that a receiver accepted.').add(1, labels)
    metrics.counter('sluice_receiver_bytes_total', 'Bytes of accepted requests, inflated, as protobuf.').add(bytes, labels)
  }

  private countItems({ taken, dropped }: EnvelopeReader): void {
    const { metrics, name } = this.host
    const items = metrics.counter(
      'sluice_sentry_received_items_total',
      'Items of Sentry SDKs, by type and what became of them: taken, or why not.'
    )
    for (const type of taken) items.add(1, { receiver: name, type: labelOf(type), outcome: 'taken' })
    for (const { type, reason } of dropped) items.add(1, { receiver: name, type: labelOf(type), outcome: reason })
  }

  // SDKs know two ways to be told to wait: a header of Sentry’s own, and the one of HTTP.
  private refuse(error: unknown, cors: Readonly<Record<string, string>>): HttpAnswer {
    const { code, message, retryAfterMs } = this.refusals.of(error)
    const seconds = retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(retryAfterMs / 1000))
    return jsonAnswer(
      REFUSALS[code].http,
      { detail: message },
      {
        ...cors,
        'x-sentry-error': message.replace(/[^\x20-\x7e]/g, '?'),
        ...(seconds !== undefined && { 'retry-after': String(seconds), 'x-sentry-rate-limits': `${seconds}::organization:${code}` })
      }
    )
  }
}

function refuseOwn(headers: IncomingHttpHeaders): void {
  if (headers[INSTANCE_HEADER] === INSTANCE) throw new RefusedError('forbidden', 'the DSN points at the gateway that sends, not at Sentry')
}

// Nothing of it was taken, and the sender is told why; what it left out by itself it was told to leave out.
function refuseAll({ dropped }: EnvelopeReader): void {
  const reasons = new Set(dropped.map(({ reason }) => reason))
  if (reasons.has('invalid')) throw new RefusedError('invalid', 'no item could be read, expected payloads in JSON')
  if (reasons.has('too-large')) throw new RefusedError('too-large', 'every item is larger than its type may be')
}

const OPEN_OBJECT = 0x7b

// The body is one event: as JSON, or as SDKs of old packed it, in base64 over zlib.
function readEvent(body: Buffer, bytesMax: number): Envelope {
  let payload = body
  let at = 0
  while (at < body.length && body[at] <= 0x20) at++
  if (body[at] !== OPEN_OBJECT) payload = unpacked(body, bytesMax)
  const event = objectOf(payload.toString())
  if (event === null) throw new RefusedError('invalid', 'the body is no event, expected a JSON object')
  const type = event.type === 'transaction' ? 'transaction' : 'event'
  return { header: { event_id: event.event_id }, items: [{ header: { type }, payload }] }
}

function unpacked(body: Buffer, bytesMax: number): Buffer {
  try {
    return inflateSync(Buffer.from(body.toString('latin1'), 'base64'), { maxOutputLength: bytesMax })
  } catch {
    throw new RefusedError('invalid', 'the body is no event, expected a JSON object')
  }
}

function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>>): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}
