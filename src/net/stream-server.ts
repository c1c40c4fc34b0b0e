import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TlsOptions, Server as TlsServer } from 'node:tls'
import type { Place, SocketAddress, Sockets, Speaker } from './sockets.ts'
import { type Open, type StreamSettings, Talk, type Tenant } from './stream-connection.ts'

export type { Connection, Reader, StreamEvent, StreamSettings } from './stream-connection.ts'

export interface StreamListener {
  readonly address: SocketAddress
  /**
   * Takes no more connections. Those that are open go to whoever else serves the address, or are read until they are quiet, for up to `withinMs`,
   * and closed.
   */
  close(withinMs: number): Promise<void>
}

/** At the limit, a connection that was quiet for so long makes room for a new one. */
const EVICTED_AFTER_MS = 60_000
const KEEP_ALIVE_MS = 60_000

/**
 * Serves connections at an address; `open` makes a reader for each. Whoever asks again for the address, as a reloaded component does, takes over its
 * connections when the one before leaves. `option` is the place in the configuration that asks, `protocol` what is spoken. Throws RefusedError
 * `unavailable` if it cannot listen there.
 */
export async function listenStream(
  sockets: Sockets,
  address: SocketAddress,
  option: string,
  protocol: string,
  open: Open,
  settings: StreamSettings
): Promise<StreamListener> {
  const { tls } = settings
  const createTls = tls === undefined ? undefined : (await import('node:tls')).createServer
  const make = (): StreamPort =>
    new StreamPort(createTls === undefined || tls === undefined ? undefined : { create: createTls, options: tls })
  const place: Place<StreamPort> = await sockets.join(address, option, tls === undefined ? protocol : `${protocol} over TLS`, make)
  const { speaker } = place
  const tenant = speaker.enter(open, settings)
  const close = async (withinMs: number): Promise<void> => {
    // The last one leaves its connections to `place.leave`, which reads them to the end.
    speaker.leave(tenant)
    // Who has connected already is let in.
    await nextTurn()
    await nextTurn()
    await place.leave(withinMs)
  }
  return { address: place.address, close }
}

interface Tls {
  readonly create: (options: TlsOptions) => TlsServer
  readonly options: TlsOptions
}

class StreamPort implements Speaker {
  readonly server: Server
  readonly talks = new Set<Talk>()
  private readonly tenants: Tenant[] = []
  /** Whoever has connected, with or without a handshake. */
  private readonly raw = new Set<Socket>()
  private closed: Promise<void> | undefined

  constructor(tls: Tls | undefined) {
    const options = { allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
    this.server = tls === undefined ? createServer(options) : tls.create({ ...options, ...tls.options })
    this.server.on('connection', (socket) => {
      if (this.admit(socket) && tls === undefined) this.talk(socket)
    })
    this.server.on('secureConnection', (socket: Socket) => this.talk(socket))
    this.server.on('tlsClientError', () => this.newest?.settings.count('tls'))
  }

  get newest(): Tenant | undefined {
    return this.tenants.at(-1)
  }

  enter(open: Open, settings: StreamSettings): Tenant {
    const tenant: Tenant = { open, settings, hasLeft: false }
    this.tenants.push(tenant)
    this.handOver()
    if (settings.tls !== undefined && 'setSecureContext' in this.server) (this.server as TlsServer).setSecureContext(settings.tls)
    return tenant
  }

  leave(tenant: Tenant): void {
    tenant.hasLeft = true
    this.handOver()
  }

  // Those who have left stay as long as there is nobody else.
  private handOver(): void {
    const here = this.tenants.filter(({ hasLeft }) => !hasLeft)
    if (here.length === 0) return
    this.tenants.splice(0, this.tenants.length, ...here)
    for (const talk of this.talks) if (talk.tenant.hasLeft) talk.handOver(this.newest!)
  }

  close(withinMs: number): Promise<void> {
    this.closed ??= this.drain(withinMs)
    return this.closed
  }

  private async drain(withinMs: number): Promise<void> {
    const gone = new Promise<void>((resolve) => this.server.close(() => resolve()))
    await Promise.all([...this.talks].map((talk) => talk.drain(withinMs)))
    // What is left is in the middle of a handshake.
    for (const socket of this.raw) socket.destroy()
    await gone
  }

  // Whether there is room for one more; a connection that has long been quiet makes some.
  private admit(socket: Socket): boolean {
    const { settings } = this.newest!
    socket.on('error', () => undefined)
    if (this.raw.size >= settings.connectionsMax && !this.evict(settings)) {
      settings.count('connections')
      socket.destroy()
      return false
    }
    this.raw.add(socket)
    socket.once('close', () => this.raw.delete(socket))
    return true
  }

  private evict(settings: StreamSettings): boolean {
    let idlest: Talk | undefined
    for (const talk of this.talks) if (!talk.isPaused && (idlest === undefined || talk.heardAtMs < idlest.heardAtMs)) idlest = talk
    if (idlest === undefined || performance.now() - idlest.heardAtMs < EVICTED_AFTER_MS) return false
    settings.count('evicted')
    idlest.cut()
    return true
  }

  private talk(socket: Socket): void {
    if (socket.destroyed || this.newest === undefined) return
    const talk = new Talk(socket, this.newest)
    this.talks.add(talk)
    socket.once('close', () => this.talks.delete(talk))
    talk.start()
  }
}
