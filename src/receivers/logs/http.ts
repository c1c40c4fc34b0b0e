import { addresses, flag, size } from '../../config/schema.ts'
import { type HttpListener, type HttpRoute, listenHttp, plainAnswer } from '../../net/http-server.ts'
import { ByteBudget } from '../../net/limits.ts'
import { nameOf, type SocketAddress } from '../../net/sockets.ts'
import { datadogLogs } from './datadog-logs.ts'
import { gelfOverHttp } from './gelf-http.ts'
import { type HttpLogs, routesOf } from './http-intake.ts'
import { lines } from './http-lines.ts'
import { loki } from './loki.ts'

/** The options of logs over HTTP. */
export const httpOptions = {
  http: flag({
    default: true,
    doc: 'Take logs over HTTP on the ports of receivers.otlp.http: JSON and text lines, Winston, Loki, Datadog and GELF.'
  }),
  httpAddress: addresses({ default: 'off', doc: 'Where else to take logs over HTTP; one address or several.' }),
  httpRequestMax: size({
    default: '10MiB',
    min: '1KiB',
    max: '1GiB',
    doc: 'The largest request with logs over HTTP, both as it comes and inflated.'
  }),
  httpInFlightMax: size({
    default: '64MiB',
    min: '128KiB',
    doc: 'How much all requests with logs may hold together until they are answered; more are told to come back later.'
  })
} as const

export interface HttpOptions {
  readonly http: boolean
  readonly httpAddress: readonly SocketAddress[]
  readonly httpRequestMax: number
  readonly httpInFlightMax: number
}

/** Logs over HTTP, on whichever ports. */
export interface LogHttp {
  /** Its own addresses, as bound. */
  readonly addresses: readonly string[]
  close(withinMs: number): Promise<void>
}

/** The option by which logs are served on the ports of others, and on none of their own. */
export function guestBy({ http, httpAddress }: HttpOptions): string | null {
  return http && httpAddress.length === 0 ? 'http' : null
}

/** A body may grow by nothing for so long, */
const STALL_MS = 10_000
/** and take so long in all. */
const BODY_MS = 60_000
const CONNECTIONS_MAX = 1024
const HEADER_MS = 10_000
const IDLE_MS = 60_000

/** Takes logs over HTTP, on the ports of others and on its own. Throws RefusedError `unavailable` where it cannot. */
export async function listenLogHttp(options: HttpOptions, logs: Omit<HttpLogs, 'limits'>): Promise<LogHttp> {
  const { sockets, name, metrics } = logs.host
  const limits = {
    bodyBytesMax: options.httpRequestMax,
    stallMs: STALL_MS,
    bodyMs: BODY_MS,
    budget: new ByteBudget(options.httpInFlightMax)
  }
  const http: HttpLogs = { ...logs, limits }
  const routes = [lines, gelfOverHttp, loki, datadogLogs].flatMap((intake) => routesOf(http, intake))
  routes.push({ ...READY, limits })
  const refused = metrics.counter(
    'sluice_receiver_refused_requests_total',
    'Requests and connections that a receiver did not accept, by reason.'
  )
  const settings = {
    connectionsMax: CONNECTIONS_MAX,
    headerMs: HEADER_MS,
    idleMs: IDLE_MS,
    count: (reason: string): void => refused.add(1, { receiver: name, transport: 'http', reason })
  }
  const open: Pick<HttpListener, 'close'>[] = []
  const close = async (withinMs: number): Promise<void> => {
    await Promise.all(open.splice(0).map((one) => one.close(withinMs)))
  }
  const addresses: string[] = []
  try {
    if (options.http) open.push(await sockets.guests.lend(`receivers.${name}.http`, routes))
    for (const [index, address] of options.httpAddress.entries()) {
      const option = `receivers.${name}.httpAddress${options.httpAddress.length > 1 ? `[${index}]` : ''}`
      const listener = await listenHttp(sockets, address, option, routes, settings)
      open.push(listener)
      addresses.push(nameOf(listener.address))
    }
  } catch (error) {
    await close(0)
    throw error
  }
  return { addresses, close }
}

// Senders of Loki’s protocol ask before they begin.
const READY: Omit<HttpRoute, 'limits'> = {
  method: 'GET',
  path: '/ready',
  handle: () => plainAnswer(200, 'ready'),
  refuse: () => plainAnswer(500, 'failed')
}
