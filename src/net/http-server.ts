import type { Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TlsOptions } from 'node:tls'
import { RefusedError } from '../errors.ts'
import type { GuestHost, Guests } from './guests.ts'
import { Exchange, type ExchangeHost, type HttpEvent } from './http-exchange.ts'
import { type HttpAnswer, type HttpRoute, plainAnswer, routeKey } from './http-route.ts'
import { buildRouter, type Router } from './http-router.ts'
import { ByteBudget, Watch } from './limits.ts'
import { type Mount, Mounts } from './mounts.ts'
import type { Place, SocketAddress, Sockets, Speaker } from './sockets.ts'

export type { HttpEvent } from './http-exchange.ts'
export { type HttpAnswer, type HttpRequest, type HttpRoute, plainAnswer } from './http-route.ts'

// Not imported: an import reads every export of a module, and two of this one's load Node's own fetch client, 12 MB that nobody uses here.
const { createServer } = process.getBuiltinModule('node:http')

/** What concerns a whole address. Who joins an address without saying so leaves it as it is. */
export interface HttpSettings {
  readonly connectionsMax: number
  /** From the first byte, or from the connection, to the last header. */
  readonly headerMs: number
  /** Between two requests on one connection. */
  readonly idleMs: number
  readonly tls?: TlsOptions | undefined
  /** Whose routes are served here, too: `sockets.guests`, or nobody's. */
  readonly guests?: Guests<HttpRoute> | undefined
  /** Told what befell requests that no route answered for. */
  count?(event: HttpEvent): void
}

const DEFAULTS: HttpSettings = { connectionsMax: 1024, headerMs: 10_000, idleMs: 60_000 }
const HEADER_BYTES_MAX = 16 * 1024
/** Requests inside one address at once, whatever their size. */
const REQUESTS_MAX = 1024
const CHECK_MS = 1000

export interface HttpListener {
  readonly address: SocketAddress
  /** Serves these routes no more; resolves when no request to them is inside, which is waited for up to `withinMs`. */
  close(withinMs: number): Promise<void>
}

/**
 * Serves routes at an address, beside those of others who asked for the same address. `option` is the place in the configuration that asks,
 * for messages. Throws RefusedError `unavailable` if it cannot listen there.
 */
export async function listenHttp(
  sockets: Sockets,
  address: SocketAddress,
  option: string,
  routes: readonly HttpRoute[],
  settings?: HttpSettings
): Promise<HttpListener> {
  const tls = settings?.tls
  const protocol = tls === undefined ? 'HTTP' : 'HTTPS'
  const place = await sockets.join(address, option, protocol, () => new HttpPort(tls, sockets.guests))
  try {
    if (settings !== undefined) place.speaker.configure(settings)
    return await mounted(place, routes, settings?.guests)
  } catch (error) {
    await place.leave(0)
    throw error
  }
}

async function mounted(place: Place<HttpPort>, routes: readonly HttpRoute[], guests?: Guests<HttpRoute>): Promise<HttpListener> {
  const { speaker, address } = place
  const mount = await speaker.mount(routes)
  try {
    await guests?.enter(speaker)
  } catch (error) {
    await Promise.all([guests?.leave(speaker), speaker.unmount(mount)])
    throw error
  }
  const close = async (withinMs: number): Promise<void> => {
    const left = place.leave(withinMs)
    await Promise.all([speaker.unmount(mount), guests?.leave(speaker), mount.settled(withinMs), left])
  }
  return { address, close }
}

/** One address that speaks HTTP/1.1, and all who are served there. */
class HttpPort implements Speaker, ExchangeHost, GuestHost {
  readonly server: Server
  readonly watch = new Watch()
  closing = false
  private settings = DEFAULTS
  private readonly sockets = new Set<Socket>()
  private readonly mounts = new Mounts(routeKey)
  private readonly guests: Guests<HttpRoute>
  private router: Router = () => undefined
  private building: Promise<void> = Promise.resolve()
  private closed: Promise<void> | undefined

  constructor(tls: TlsOptions | undefined, guests: Guests<HttpRoute>) {
    this.guests = guests
    const options = { maxHeaderSize: HEADER_BYTES_MAX, connectionsCheckingInterval: CHECK_MS, requestTimeout: 0 }
    this.server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls })
    this.server.on('request', (request, response) => this.router(request, response))
    this.server.on('checkContinue', (request, response) => this.router(request, response))
    this.server.on('clientError', (error, socket) => this.clientError(error, socket))
    this.server.on('tlsClientError', () => this.count('malformed'))
    this.server.on('drop', () => this.count('connections'))
    this.server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    })
    this.configure(DEFAULTS)
  }

  configure(settings: HttpSettings): void {
    this.settings = settings
    this.server.maxConnections = settings.connectionsMax
    this.server.headersTimeout = settings.headerMs
    this.server.keepAliveTimeout = settings.idleMs
    if (settings.tls !== undefined && 'setSecureContext' in this.server) {
      ;(this.server as ReturnType<typeof createTlsServer>).setSecureContext(settings.tls)
    }
  }

  async mount(routes: readonly HttpRoute[]): Promise<Mount<HttpRoute>> {
    const mount = this.mounts.add(routes)
    try {
      await this.refresh()
    } catch (error) {
      await this.unmount(mount)
      throw error
    }
    return mount
  }

  unmount(mount: Mount<HttpRoute>): Promise<void> {
    this.mounts.remove(mount)
    return this.refresh()
  }

  count(event: HttpEvent): void {
    this.settings.count?.(event)
  }

  close(withinMs: number): Promise<void> {
    this.closed ??= this.drain(withinMs)
    return this.closed
  }

  private drain(withinMs: number): Promise<void> {
    this.closing = true
    return new Promise((resolve) => {
      const force = setTimeout(() => this.server.closeAllConnections(), withinMs)
      this.server.close(() => {
        clearTimeout(force)
        resolve()
      })
      // Node counts a connection that has not sent anything yet as one that is about to.
      for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy()
    })
  }

  // One after the other, so that the last to change the routes has the last word.
  refresh(): Promise<void> {
    const built = this.building.then(async () => {
      const guests = this.guests.takesPartIn(this) ? this.guests.mounts : []
      const routes = [...this.mounts.table(guests).values()]
      this.router = await buildRouter(routes, {
        serve: (request, response, params, { route, mount }) => {
          const crowded = this.watch.size >= REQUESTS_MAX
          const served = this.closing || crowded ? refusing(route, this.closing ? STOPPING : CROWDED) : route
          new Exchange(this, request, response, params, served, mount).start()
        },
        answer: (request, response, event, answer) => {
          this.count(event)
          // What is served no more because the port closes is served again elsewhere, or soon.
          const words = this.closing && event !== 'malformed' ? STOPPED : answer
          new Exchange(this, request, response, {}, answering(words), NOBODYS).start()
        }
      })
    })
    this.building = built.catch(() => undefined)
    return built
  }

  // What the parser could not read, or what took too long to send its headers.
  private clientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || socket.destroyed) {
      socket.destroy()
      return
    }
    const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    this.count(late ? 'header-timeout' : 'malformed')
    // An answer that is still to come is for an earlier request; ours would be taken for it.
    const last = [...this.watch].findLast((watched) => watched instanceof Exchange && watched.belongsTo(socket))
    if (last instanceof Exchange) {
      last.derail()
      return
    }
    const status = late
      ? '408 Request Timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
    else socket.destroy()
  }
}

const STOPPING = new RefusedError('unavailable', 'stopping', { retryAfterMs: 1000 })
const STOPPED = plainAnswer(503, STOPPING.message, { 'retry-after': '1' })
const CROWDED = new RefusedError('busy', `${REQUESTS_MAX} requests are inside already`, { retryAfterMs: 1000 })

const NOBODYS: Mount<HttpRoute> = new Mounts<HttpRoute>(String).add([])
const NO_LIMITS = { bodyBytesMax: 0, stallMs: 0, bodyMs: 0, budget: new ByteBudget(0) }

// A route that lets nothing in.
function refusing(route: HttpRoute, error: RefusedError): HttpRoute {
  return {
    ...route,
    admit: () => {
      throw error
    }
  }
}

function answering(answer: HttpAnswer): HttpRoute {
  const admit = (): never => {
    throw new RefusedError('not-found', 'no route')
  }
  return { method: 'GET', path: '*', limits: NO_LIMITS, admit, handle: () => answer, refuse: () => answer }
}
