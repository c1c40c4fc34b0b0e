import type { IncomingHttpHeaders } from 'node:http'
import type { BodyLimits } from './limits.ts'

/** A whole request. The body is inflated, and gone when `handle` has settled: whoever keeps anything of it keeps a copy. */
export interface HttpRequest {
  readonly method: string
  readonly path: string
  /** What follows the question mark, as it came. */
  readonly query: string
  /** The values of `:name` and `*` in the route's path. */
  readonly params: Readonly<Record<string, string>>
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Where the connection came from; undefined for a unix socket, or when it is gone already. */
  readonly remoteAddress: string | undefined
  readonly body: Buffer
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; the length is added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** One method of one path. Paths are written as Fastify's: `/v1/logs`, `/logs/:name`, `/console/*`. HEAD comes with GET. */
export interface HttpRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'OPTIONS'
  readonly path: string
  readonly limits: BodyLimits
  /** A content encoding that `handle` undoes itself, within limits of its own. */
  readonly ownCoding?: string
  /** Looks at a request before its body is read; throws RefusedError if it need not come. */
  admit?(headers: IncomingHttpHeaders): void
  handle(request: HttpRequest): HttpAnswer | Promise<HttpAnswer>
  /** Words the answer to a request that was refused: before it was whole, by `admit`, or with what `handle` threw. */
  refuse(error: unknown, headers: IncomingHttpHeaders): HttpAnswer
}

/** What no two routes of one port may have in common. */
export function routeKey({ method, path }: HttpRoute): string {
  return `${method} ${path}`
}

export function plainAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body: `${text}\n` }
}
