import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'

/** One connection, as its reader sees it. */
export interface Connection {
  /** The IP address of the other side; undefined on a Unix socket. */
  readonly remoteAddress: string | undefined
  /** Reads no more until `resume`: what the other side writes waits in the kernel, and then on its own side. */
  pause(): void
  resume(): void
  /** A side that does not read what it asked for is cut off. */
  write(bytes: Uint8Array): void
  /** Closes the connection, once what was written is out. */
  close(): void
}

/** Who reads a connection. */
export interface Reader {
  /** The next bytes. They may be kept. */
  read(chunk: Buffer): void
  /**
   * Nothing more comes: the other side is done, or, where `isComplete` is false, the connection was cut. Called once. What is written before the
   * promise settles still goes out, as long as there is somebody to read it.
   */
  end(isComplete: boolean): Promise<void> | undefined
  /** Another reader goes on with the connection: returns what has been read of a message that is not complete. Called instead of `end`. */
  leave(): Uint8Array | undefined
}

/** What befell a connection, for counters. */
export type StreamEvent =
  | 'connections' // closed at once: there are as many as there may be
  | 'evicted' // the longest idle made room for a new one
  | 'idle' // quiet for too long
  | 'unread' // does not read what is written to it
  | 'tls' // no handshake
  | 'internal' // a fault of ours

/** What concerns a whole address. */
export interface StreamSettings {
  readonly connectionsMax: number
  /** A connection that is quiet for so long is closed. */
  readonly idleMs: number
  readonly tls?: TlsOptions | undefined
  count(event: StreamEvent): void
  /** Told what a reader threw; the connection is closed. */
  fault(error: unknown): void
}

export type Open = (connection: Connection) => Reader

/** What waits to be read by the other side, at most. */
const UNREAD_BYTES_MAX = 256 * 1024
/** At the end, a connection on which nothing came for so long is taken to have said all. */
const QUIET_MS = 50

/** One who serves the address: the newest gets the connections. */
export interface Tenant {
  readonly open: Open
  readonly settings: StreamSettings
  hasLeft: boolean
}

/** One connection and who reads it. */
export class Talk implements Connection {
  readonly remoteAddress: string | undefined
  tenant: Tenant
  isPaused = false
  heardAtMs = performance.now()
  private readonly socket: Socket
  private reader: Reader | undefined
  private isEnded = false

  constructor(socket: Socket, tenant: Tenant) {
    this.socket = socket
    this.tenant = tenant
    // An IPv4 address as a socket for both kinds shows it.
    this.remoteAddress = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '')
  }

  start(): void {
    const { socket } = this
    this.guarded(() => {
      this.reader = this.tenant.open(this)
    })
    socket.setTimeout(this.tenant.settings.idleMs)
    socket.on('data', (chunk: Buffer) => this.hear(chunk))
    socket.once('end', () => this.finish(true))
    socket.once('close', () => this.finish(false))
    socket.on('error', () => undefined)
    socket.on('timeout', () => {
      const { heardAtMs } = this
      // After a standstill of ours, what waits in the kernel is read before an immediate runs.
      setImmediate(() => {
        // Whoever is made to wait is not idle.
        if (this.isPaused || this.heardAtMs !== heardAtMs || socket.destroyed) return
        this.tenant.settings.count('idle')
        this.cut()
      })
    })
  }

  pause(): void {
    this.isPaused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.isPaused || this.socket.destroyed) return
    this.isPaused = false
    this.heardAtMs = performance.now()
    this.socket.setTimeout(this.tenant.settings.idleMs)
    this.socket.resume()
  }

  write(bytes: Uint8Array): void {
    const { socket } = this
    if (!socket.writable) return
    socket.write(bytes)
    if (socket.writableLength <= UNREAD_BYTES_MAX) return
    this.tenant.settings.count('unread')
    this.cut()
  }

  close(): void {
    this.finish(false)
    // Somebody who goes on sending would keep it open.
    if (!this.socket.destroyed) this.socket.end(() => this.socket.destroy())
  }

  /** Ends it now. */
  cut(): void {
    this.finish(false)
    this.socket.destroy()
  }

  handOver(tenant: Tenant): void {
    if (this.isEnded) return
    this.guarded(() => {
      const rest = this.reader?.leave()
      this.tenant = tenant
      this.reader = tenant.open(this)
      if (rest !== undefined && rest.length > 0) this.reader.read(Buffer.from(rest.buffer, rest.byteOffset, rest.length))
      if (!this.isEnded) this.socket.setTimeout(tenant.settings.idleMs)
    })
  }

  /** Reads what has been sent already, and closes. */
  drain(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve())
      if (this.socket.destroyed) resolve()
      let timer: NodeJS.Timeout
      // What waits in the kernel is read before an immediate runs, however late the timer was.
      const look = (): void => void setImmediate(judge)
      const judge = (): void => {
        const nowMs = performance.now()
        const isQuiet = !this.isPaused && nowMs - this.heardAtMs >= QUIET_MS
        if (nowMs >= deadlineMs || isQuiet) this.cut()
        else timer = setTimeout(look, QUIET_MS)
      }
      timer = setTimeout(look, Math.min(QUIET_MS, withinMs))
      this.socket.once('close', () => clearTimeout(timer))
    })
  }

  private hear(chunk: Buffer): void {
    this.heardAtMs = performance.now()
    if (!this.isEnded) this.guarded(() => this.reader?.read(chunk))
  }

  private finish(isComplete: boolean): void {
    if (this.isEnded) return
    this.isEnded = true
    this.guarded(() => {
      const done = this.reader?.end(isComplete)
      if (done === undefined) this.socket.end()
      else void done.catch((error) => this.tenant.settings.fault(error)).then(() => this.socket.end())
    })
  }

  // What comes from outside must not end the process, even where we did not think of it.
  private guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.tenant.settings.count('internal')
      this.tenant.settings.fault(error)
      this.isEnded = true
      this.socket.destroy()
    }
  }
}
