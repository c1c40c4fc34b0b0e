import type { IncomingHttpHeaders } from 'node:http'
import type { HttpAnswer } from '../../net/http-server.ts'

const PREFLIGHT_AGE_S = 3600
const REQUEST_HEADERS = 'content-type, content-encoding, x-sentry-auth, authorization, sentry-trace, baggage'
const EXPOSED = 'x-sentry-error, x-sentry-rate-limits, retry-after'

/** Tells browsers which pages may send here: SDKs in a page are on another origin than the gateway. */
export class Cors {
  private readonly origins: ReadonlySet<string>

  /** `*` among the origins stands for all. */
  constructor(origins: readonly string[]) {
    this.origins = new Set(origins.map((origin) => origin.toLowerCase().replace(/\/$/, '')))
  }

  /** What an answer says; nothing to what is no page, or one that may not. */
  headers({ origin }: IncomingHttpHeaders): Record<string, string> {
    if (origin === undefined) return {}
    if (this.origins.has('*')) return { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED }
    if (!this.origins.has(origin.toLowerCase())) return { vary: 'origin' }
    return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'origin' }
  }

  preflight(headers: IncomingHttpHeaders): HttpAnswer {
    const allowed = this.headers(headers)
    if (allowed['access-control-allow-origin'] === undefined) return { status: 403, headers: allowed, body: '' }
    const answer = {
      ...allowed,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': String(PREFLIGHT_AGE_S)
    }
    return { status: 204, headers: answer, body: '' }
  }
}
