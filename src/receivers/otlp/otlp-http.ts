import type { IncomingHttpHeaders } from 'node:http'
import type { Host, Push } from '../../component.ts'
import { REFUSALS, RefusedError } from '../../errors.ts'
import { type HttpAnswer, type HttpListener, type HttpRoute, type HttpSettings, listenHttp, plainAnswer } from '../../net/http-server.ts'
import type { BodyLimits } from '../../net/limits.ts'
import { BAD_REQUEST, encodeStatus, grpcCode, RETRY_INFO } from '../../net/rpc-status.ts'
import { fromJson } from '../../otlp/json.ts'
import type { OtlpSignal } from '../../otlp/signal.ts'
import { WireError } from '../../otlp/wire.ts'
import type { Refusals } from '../../telemetry/refusals.ts'
import { intakeOf } from './intake.ts'
import type { ListenAt } from './listen-at.ts'

const PATHS: Record<OtlpSignal, string> = {
  traces: '/v1/traces',
  metrics: '/v1/metrics',
  logs: '/v1/logs',
  profiles: '/v1development/profiles'
}

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

// An Export<Signal>ServiceResponse without a partial success.
const ACCEPTED: HttpAnswer = { status: 200, headers: { 'content-type': PROTOBUF }, body: '' }
const ACCEPTED_JSON: HttpAnswer = { status: 200, headers: { 'content-type': JSON_TYPE }, body: '{}' }

/** Serves the four signals over HTTP at one address. */
export function listenOtlpHttp(
  { sockets, address, option, settings }: ListenAt<HttpSettings>,
  limits: BodyLimits,
  push: Push,
  host: Host,
  refusals: Refusals
): Promise<HttpListener> {
  const routes = Object.entries(PATHS).map(([signal, path]) => routeOf(signal as OtlpSignal, path, limits, push, host, refusals))
  return listenHttp(sockets, address, option, routes, settings)
}

function routeOf(signal: OtlpSignal, path: string, limits: BodyLimits, push: Push, host: Host, refusals: Refusals): HttpRoute {
  const take = intakeOf(signal, 'http', push, host)
  return {
    method: 'POST',
    path,
    limits,
    admit(headers) {
      if (mediaType(headers) === undefined) {
        throw new RefusedError('unsupported', `this content type is not spoken here, expected ${PROTOBUF} or ${JSON_TYPE}`)
      }
    },
    async handle({ headers, remoteAddress, body }) {
      const json = mediaType(headers) === JSON_TYPE
      await take(json ? converted(signal, body, limits.bodyBytesMax) : body, remoteAddress)
      return json ? ACCEPTED_JSON : ACCEPTED
    },
    refuse: (error, headers) => refusal(refusals.of(error), mediaType(headers))
  }
}

function converted(signal: OtlpSignal, body: Buffer, bytesMax: number): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = fromJson(signal, body)
  } catch (error) {
    if (error instanceof WireError) throw new RefusedError('invalid', `${signal}: ${error.message}`)
    throw error
  }
  if (bytes.length > bytesMax) throw new RefusedError('too-large', `the request is larger than ${bytesMax} bytes as protobuf`)
  return bytes
}

// The media type without its parameters, if it is one of ours.
function mediaType({ 'content-type': header }: IncomingHttpHeaders): typeof PROTOBUF | typeof JSON_TYPE | undefined {
  if (header === PROTOBUF || header === JSON_TYPE) return header
  const name = header?.split(';', 1)[0].trim().toLowerCase()
  if (name === PROTOBUF || name === 'application/protobuf') return PROTOBUF
  return name === JSON_TYPE ? JSON_TYPE : undefined
}

// google.rpc.Status in the encoding of the request; in plain words where that is not known.
function refusal(error: RefusedError, type: string | undefined): HttpAnswer {
  const status = REFUSALS[error.code].http
  const headers: Record<string, string> =
    error.retryAfterMs === undefined ? {} : { 'retry-after': String(wholeSeconds(error.retryAfterMs)) }
  if (type === undefined) return plainAnswer(status, error.message, headers)
  headers['content-type'] = type
  return { status, headers, body: type === JSON_TYPE ? jsonStatus(error) : encodeStatus(error) }
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}

// https://protobuf.dev/programming-guides/json/: an Any carries its type beside its fields, a Duration is decimal seconds with an `s`.
function jsonStatus(error: RefusedError): string {
  const { message, code, retryAfterMs } = error
  const details =
    retryAfterMs !== undefined
      ? [{ '@type': RETRY_INFO, retryDelay: `${retryAfterMs / 1000}s` }]
      : code === 'invalid'
        ? [{ '@type': BAD_REQUEST, fieldViolations: [{ description: message }] }]
        : []
  return JSON.stringify({ code: grpcCode(error), message, details })
}
