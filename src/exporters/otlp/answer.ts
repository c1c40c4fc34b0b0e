import { type RefusalCode, RefusedError } from '../../errors.ts'
import { foreignText } from '../../net/foreign-text.ts'
import type { HttpResponse } from '../../net/http-client.ts'
import { RETRY_AFTER_MAX_MS, retryAfterMs } from '../../net/retry-after.ts'
import { BYTES, Fields, WireError } from '../../otlp/wire.ts'

// 429, 502, 503 and 504 may be tried again; nothing else may, as the protocol has it.
const CODES: Readonly<Record<number, RefusalCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  408: 'timeout',
  413: 'too-large',
  415: 'unsupported',
  429: 'busy',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable'
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'check the credentials in headers',
  403: 'check the credentials in headers, and what they permit',
  404: 'check the path of the endpoint',
  405: 'check the path of the endpoint',
  415: 'check that the destination takes protobuf in this compression'
}

/** What an answer other than success means. Anything that is no refusal of OTLP's counts as `invalid`: the destination will not take this batch. */
export function refusalOf(hostName: string, response: HttpResponse, nowMs: number, redact: (value: string) => string): RefusedError {
  const { status, headers } = response
  const code = CODES[status] ?? 'invalid'
  const parts = [`${hostName} answered ${status}`, foreignText(messageOf(response), redact)].filter(Boolean).join(': ')
  const remedy = status >= 300 && status <= 399 ? 'redirects are not followed, set the endpoint to the final URL' : REMEDIES[status]
  const message = remedy === undefined ? parts : `${parts} (${remedy})`
  return new RefusedError(code, message, { retryAfterMs: retryAfterMs(headers['retry-after'], nowMs, RETRY_AFTER_MAX_MS) })
}

// The wire: google.rpc.Status { int32 code = 1, string message = 2 }; or the same as JSON, or plain text.
function messageOf({ headers, body }: HttpResponse): string {
  const type = headers['content-type'] ?? ''
  if (type.includes('protobuf')) return fromProtobuf(body)
  const text = body.toString()
  if (!type.includes('json')) return type.includes('html') ? '' : text
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : text
  } catch {
    return text
  }
}

function fromProtobuf(body: Uint8Array): string {
  let message = ''
  try {
    const fields = new Fields().open(body, 0, body.length)
    while (fields.next())
      if (fields.number === 2 && fields.type === BYTES) message = Buffer.from(body.subarray(fields.start, fields.end)).toString()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
  }
  return message
}
