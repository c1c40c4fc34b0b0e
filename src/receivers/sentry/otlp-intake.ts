import type { IncomingHttpHeaders } from 'node:http'
import { type Batch, parseBatch } from '../../batch.ts'
import { RefusedError } from '../../errors.ts'
import type { HttpRequest } from '../../net/http-server.ts'
import { fromJson } from '../../otlp/json.ts'
import { WireError } from '../../otlp/wire.ts'

/** What Sentry takes as OTLP, by the end of its path. */
export const OTLP_PATHS = { traces: '/integration/otlp/v1/traces', logs: '/integration/otlp/v1/logs' } as const
export type SentryOtlpSignal = keyof typeof OTLP_PATHS

const PROTOBUF = /^application\/(x-)?protobuf\s*(;|$)/i
const JSON_TYPE = /^application\/json\s*(;|$)/i

/** Throws RefusedError `unsupported` for what is neither protobuf nor JSON. */
export function admitOtlp({ 'content-type': type = '' }: IncomingHttpHeaders): void {
  if (!PROTOBUF.test(type) && !JSON_TYPE.test(type))
    throw new RefusedError('unsupported', 'this content type is not spoken here, expected application/x-protobuf or application/json')
}

/** The request of an SDK that sends OTLP where Sentry takes it: traces and logs like all others. */
export function otlpBatch(signal: SentryOtlpSignal, { headers, body, remoteAddress }: HttpRequest, bytesMax: number): Batch {
  const bytes = JSON_TYPE.test(headers['content-type'] ?? '') ? converted(signal, body) : body
  if (bytes.length > bytesMax) throw new RefusedError('too-large', `the request is larger than ${bytesMax} bytes as protobuf`)
  return parseBatch(signal, bytes, Date.now(), remoteAddress)
}

function converted(signal: SentryOtlpSignal, body: Buffer): Uint8Array {
  try {
    return fromJson(signal, body)
  } catch (error) {
    if (error instanceof WireError) throw new RefusedError('invalid', `${signal}: ${error.message}`)
    throw error
  }
}
