import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { RefusedError } from '../errors.ts'
import { Call, type CallHost, failCall, type UnaryMethod } from './grpc-call.ts'
import { Watch, type Watched } from './limits.ts'
import { type Mount, Mounts } from './mounts.ts'
import type { Place, SocketAddress, Sockets, Speaker } from './sockets.ts'

export type { UnaryMethod } from './grpc-call.ts'
export { healthCheck } from './grpc-health.ts'

/** What concerns a whole address. */
export interface GrpcSettings {
  readonly connectionsMax: number
  /** From the connection to its first call. */
  readonly headerMs: number
  /** Without a call. The client is told to go away, and opens another connection for its next call. */
  readonly idleMs: number
  readonly tls?: TlsOptions | undefined
  /** Told what befell calls and connections that no method answered for. */
  count?(event: GrpcEvent): void
}

export type GrpcEvent = 'connections' | 'malformed' | 'header-timeout' | 'aborted' | 'unknown-method' | 'not-grpc' | 'busy'

/** Calls inside one address at once, whatever their size. */
const CALLS_MAX = 1024
const HEADER_BYTES_MAX = 16 * 1024
// Large enough for a whole batch without a round trip. What arrives is read at once, so a window is not memory that waits.
const STREAM_WINDOW_BYTES = 1024 * 1024
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024
const OPTIONS: ServerOptions = {
  settings: {
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: 128,
    maxHeaderListSize: HEADER_BYTES_MAX,
    enablePush: false
  },
  maxSessionMemory: 4, // MB; bodies are not kept there
  maxHeaderListPairs: 64,
  maxOutstandingPings: 10,
  maxSettings: 16,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // Calls that are opened and reset at once (CVE-2023-44487): so many in a row, then so many a second; more ends the connection.
  streamResetBurst: 500,
  streamResetRate: 50
}

export interface GrpcListener {
  readonly address: SocketAddress
  /** Serves these methods no more; resolves when no call to them is inside, which is waited for up to `withinMs`. */
  close(withinMs: number): Promise<void>
}

/**
 * Serves unary methods at an address: gRPC over HTTP/2, in clear with prior knowledge or over TLS. `option` is the place in the configuration
 * that asks, for messages. Throws RefusedError `unavailable` if it cannot listen there.
 */
export async function listenGrpc(
  sockets: Sockets,
  address: SocketAddress,
  option: string,
  methods: readonly UnaryMethod[],
  settings: GrpcSettings
): Promise<GrpcListener> {
  const { tls } = settings
  const protocol = tls === undefined ? 'gRPC' : 'gRPC over TLS'
  const place: Place<GrpcPort> = await sockets.join(address, option, protocol, () => new GrpcPort(tls, settings))
  const { speaker } = place
  speaker.configure(settings)
  const mount = speaker.mount(methods)
  return {
    address: place.address,
    close: async (withinMs) => {
      const left = place.leave(withinMs)
      speaker.unmount(mount)
      await Promise.all([mount.settled(withinMs), left])
    }
  }
}

/** One address that speaks gRPC, and all who are served there. */
class GrpcPort implements Speaker, CallHost {
  readonly server: Http2Server | Http2SecureServer
  readonly watch = new Watch()
  private settings: GrpcSettings
  private readonly connections = new Set<Connection>()
  private readonly sockets = new Set<Socket>()
  private readonly mounts = new Mounts<UnaryMethod>(({ path }) => path)
  private methods = this.mounts.table()
  private closed: Promise<void> | undefined

  constructor(tls: TlsOptions | undefined, settings: GrpcSettings) {
    this.settings = settings
    this.server = tls === undefined ? createServer(OPTIONS) : createSecureServer({ ...OPTIONS, ...tls, allowHTTP1: false })
    this.server.on('session', (session) => this.opened(session))
    this.server.on('sessionError', () => this.count('malformed'))
    this.server.on('tlsClientError', () => this.count('malformed'))
    this.server.on('drop', () => this.count('connections'))
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    })
  }

  configure(settings: GrpcSettings): void {
    this.settings = settings
    this.server.maxConnections = settings.connectionsMax
    if (settings.tls !== undefined && 'setSecureContext' in this.server) this.server.setSecureContext(settings.tls)
  }

  mount(methods: readonly UnaryMethod[]): Mount<UnaryMethod> {
    const mount = this.mounts.add(methods)
    this.methods = this.mounts.table()
    return mount
  }

  unmount(mount: Mount<UnaryMethod>): void {
    this.mounts.remove(mount)
    this.methods = this.mounts.table()
  }

  count(event: GrpcEvent): void {
    this.settings.count?.(event)
  }

  close(withinMs: number): Promise<void> {
    this.closed ??= new Promise((resolve) => {
      const force = setTimeout(() => {
        for (const socket of this.sockets) socket.destroy()
      }, withinMs)
      // Sessions are told to go away and end with their last call.
      this.server.close(() => {
        clearTimeout(force)
        resolve()
      })
      for (const { session } of this.connections) session.close()
      for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy()
    })
    return this.closed
  }

  private opened(session: ServerHttp2Session): void {
    const connection = new Connection(session, this.settings, () => this.count('header-timeout'))
    this.connections.add(connection)
    this.watch.add(connection)
    session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    session.on('stream', (stream, headers) => {
      connection.opened(stream)
      this.begin(stream, headers)
    })
    session.on('close', () => {
      this.connections.delete(connection)
      this.watch.delete(connection)
    })
  }

  private begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A caller that resets its call is not our error; what is ours to do is done on `close`.
    stream.on('error', ignore)
    if (headers[':method'] !== 'POST' || headers['content-type']?.startsWith('application/grpc') !== true) {
      this.count('not-grpc')
      stream.respond({ ':status': 415 }, { endStream: true })
      if (!stream.readableEnded) stream.close()
      return
    }
    const served = this.methods.get(headers[':path'] ?? '')
    if (served === undefined) {
      this.count('unknown-method')
      failCall(stream, UNKNOWN_METHOD)
    } else if (this.watch.size - this.connections.size >= CALLS_MAX) {
      this.count('busy')
      failCall(stream, CROWDED)
    } else new Call(this, stream, served.route, served.mount).start(headers)
  }
}

const UNKNOWN_METHOD = new RefusedError('not-found', 'this method is not served here')
const CROWDED = new RefusedError('busy', `${CALLS_MAX} calls are inside already`, { retryAfterMs: 1000 })

function ignore(): void {}

/** One client's connection, for as long as it makes calls. */
class Connection implements Watched {
  readonly session: ServerHttp2Session
  private readonly settings: GrpcSettings
  private readonly unused: () => void
  private calls = 0
  private everCalled = false
  private idleSinceMs = performance.now()

  constructor(session: ServerHttp2Session, settings: GrpcSettings, unused: () => void) {
    this.session = session
    this.settings = settings
    this.unused = unused
  }

  opened(stream: ServerHttp2Stream): void {
    this.calls++
    this.everCalled = true
    stream.once('close', () => {
      this.calls--
      this.idleSinceMs = performance.now()
    })
  }

  // Bytes alone do not count as use: headers may come one by one for ever, and so may pings.
  tick(nowMs: number): void {
    const idleMs = nowMs - this.idleSinceMs
    if (this.calls > 0) return
    if (!this.everCalled && idleMs > this.settings.headerMs) {
      this.unused()
      this.session.destroy()
    } else if (idleMs > this.settings.idleMs) this.session.close()
  }
}
