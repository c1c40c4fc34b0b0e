import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type HttpAnswer, type HttpRoute, listenHttp, plainAnswer } from './net/http-server.ts'
import { ByteBudget } from './net/limits.ts'
import type { SocketAddress, Sockets } from './net/sockets.ts'

/** What the admin port shows. */
export interface AdminSources {
  /** Everything that keeps the gateway from doing its whole job; empty when it does. */
  unreadiness(): readonly string[]
  /** The page of metrics for an Accept header; null where there is none. */
  page(accept: string): { readonly contentType: string; readonly body: string } | null
}

export interface AdminPort {
  readonly address: SocketAddress
  close(): Promise<void>
}

/** Smaller pages travel as they are. */
const GZIP_FROM_BYTES = 1024
const CLOSE_WITHIN_MS = 1_000
// Nobody has a body to send here.
const LIMITS = { bodyBytesMax: 0, stallMs: 1_000, bodyMs: 1_000, budget: new ByteBudget(0) }

/** Serves /metrics, /healthz and /readyz. Null where the configuration says off. */
export async function openAdmin(
  listen: SocketAddress | null,
  sockets: Sockets,
  { unreadiness, page }: AdminSources
): Promise<AdminPort | null> {
  if (listen === null) return null
  const routes = [
    get('/metrics', async ({ accept = '', 'accept-encoding': encodings = '' }) => {
      const shown = page(accept)
      if (shown === null) return plainAnswer(404, 'exporters.prometheus is off')
      const headers = { 'content-type': shown.contentType, vary: 'accept, accept-encoding' }
      if (shown.body.length < GZIP_FROM_BYTES || !/\bgzip\b/.test(String(encodings))) return { status: 200, headers, body: shown.body }
      return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: await promisify(gzip)(shown.body) }
    }),
    // Answers as long as the process can answer at all.
    get('/healthz', async () => plainAnswer(200, 'ok')),
    get('/readyz', async () => {
      const reasons = unreadiness()
      return reasons.length === 0 ? plainAnswer(200, 'ready') : plainAnswer(503, reasons.join('\n'))
    })
  ]
  const { address, close } = await listenHttp(sockets, listen, 'admin.listen', routes)
  return { address, close: () => close(CLOSE_WITHIN_MS) }
}

function get(path: string, answer: (headers: IncomingHttpHeaders) => Promise<HttpAnswer>): HttpRoute {
  return {
    method: 'GET',
    path,
    limits: LIMITS,
    handle: ({ headers }) => answer(headers),
    refuse: () => plainAnswer(500, 'failed')
  }
}
