import { foreignText } from '../../net/foreign-text.ts'
import type { HttpResponse } from '../../net/http-client.ts'
import { objectOf } from '../../sentry/envelope.ts'

/** What an answer means for what was sent. */
export type Verdict =
  /** It arrived. */
  | 'taken'
  /** Later, when the limits say so. */
  | 'limited'
  /** Smaller. */
  | 'too-large'
  /** Again. */
  | 'away'
  /** Again, but not for ever: it may be what was sent that the other side fails on. */
  | 'fault'
  /** Nothing that is sent there arrives, whatever it is. */
  | 'forbidden'
  /** Never. */
  | 'invalid'

const AWAY = new Set([408, 502, 503, 504])
const FORBIDDEN = new Set([401, 403, 404, 405])
const TEXT_BYTES_READ = 2048

export function verdictOf(status: number): Verdict {
  if (status >= 200 && status <= 299) return 'taken'
  if (status === 429) return 'limited'
  if (status === 413) return 'too-large'
  if (AWAY.has(status)) return 'away'
  if (status >= 500) return 'fault'
  // A redirect is not followed: what is there is not Sentry's intake.
  return FORBIDDEN.has(status) || status < 400 ? 'forbidden' : 'invalid'
}

/** The answer in words: short, on one line, and without secrets. */
export function describe(hostName: string, { status, headers, body }: HttpResponse, redact: (value: string) => string): string {
  const text = body.toString('utf8', 0, TEXT_BYTES_READ)
  const detail = objectOf(text)?.detail
  const foreign =
    typeof detail === 'string' ? detail : (headers['x-sentry-error'] ?? (headers['content-type']?.includes('html') ? '' : text))
  const line = foreignText(foreign, redact)
  return `${hostName} answered ${status}${line === '' ? '' : `: ${line}`}`
}
