import { chmod, lstat, unlink } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { RefusedError } from '../errors.ts'
import { Guests } from './guests.ts'
import { type HttpRoute, routeKey } from './http-route.ts'

/** Where to listen: a TCP host and port (0: any free one), or the path of a Unix socket. */
export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** What of a server is used here: Node's own servers have it, and whatever else can be bound to an address. */
export interface Listening {
  listen(
    options: { readonly host?: string; readonly port?: number; readonly path?: string; readonly backlog: number },
    done: () => void
  ): unknown
  address(): AddressInfo | string | null
  on(event: 'error', listener: (error: Error) => void): unknown
  once(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** Connections, or single messages: a port may be open for both at once, for one of each. */
export type SocketKind = 'stream' | 'datagram'

/** What speaks at an address. It outlives the components that asked for it, and with it its open connections. */
export interface Speaker {
  readonly server: Listening
  /** Accepts no more at once; resolves when the last connection is gone, which is forced after `withinMs`. May be called again. */
  close(withinMs: number): Promise<void>
}

/** One owner's hold on an address. */
export interface Place<T extends Speaker> {
  readonly speaker: T
  /** As it is bound: with the port that was given for 0. */
  readonly address: SocketAddress
  /** Lets go. The last to leave closes the socket. */
  leave(withinMs: number): Promise<void>
}

interface Shared {
  readonly keys: readonly string[]
  readonly protocol: string
  readonly speaker: Speaker
  readonly owners: string[]
}

const UNIX_SOCKET_MODE = 0o660
/** The kernel's limit for the path of a Unix socket, without the final zero. */
const UNIX_PATH_BYTES_MAX = 107
/** What may still be under way when an address changes its protocol. */
const REPLACED_WITHIN_MS = 5000

/**
 * The listening sockets of the process, by address. Who asks for an address that is open already joins it, so that a new generation of a
 * component takes over before the old one leaves and neither the socket nor its connections close.
 */
export class Sockets {
  /** What is served on HTTP ports that belong to others. */
  readonly guests = new Guests<HttpRoute>(routeKey)
  private readonly shared = new Map<string, Shared>()
  private queue: Promise<unknown> = Promise.resolve()

  /**
   * Opens or joins `address` for `option`, the place in the configuration that asks. Two that join must speak the same `protocol`; only an
   * option's own next generation may change it. Throws RefusedError `unavailable` that names address and option.
   */
  join<T extends Speaker>(
    address: SocketAddress,
    option: string,
    protocol: string,
    make: () => T,
    kind: SocketKind = 'stream'
  ): Promise<Place<T>> {
    // One after the other, so that two who ask for the same address at once share it.
    const place = this.queue.then(() => this.enter(address, option, protocol, make, kind))
    this.queue = place.catch(() => undefined)
    return place
  }

  private async enter<T extends Speaker>(
    address: SocketAddress,
    option: string,
    protocol: string,
    make: () => T,
    kind: SocketKind
  ): Promise<Place<T>> {
    const key = keyOf(address, option, kind)
    let shared = this.shared.get(key)
    if (shared !== undefined && shared.protocol !== protocol) {
      const other = shared.owners.find((owner) => owner !== option)
      if (other !== undefined)
        throw new RefusedError('unavailable', `${option}: ${nameOf(address)} already serves ${shared.protocol} for ${other}`)
      this.forget(shared)
      void shared.speaker.close(REPLACED_WITHIN_MS)
      shared = undefined
    }
    if (shared === undefined) {
      const speaker = make()
      await listen(speaker.server, address, option)
      // A port that was given for 0 can be joined by its number, too.
      const keys = [key, keyOf(boundAddress(speaker.server, address), option, kind)]
      shared = { keys, protocol, speaker, owners: [] }
      for (const name of keys) this.shared.set(name, shared)
    }
    return this.place<T>(shared, address, option)
  }

  private forget(shared: Shared): void {
    for (const key of shared.keys) if (this.shared.get(key) === shared) this.shared.delete(key)
  }

  private place<T extends Speaker>(shared: Shared, address: SocketAddress, option: string): Place<T> {
    shared.owners.push(option)
    let left: Promise<void> | undefined
    const leave = async (withinMs: number): Promise<void> => {
      shared.owners.splice(shared.owners.indexOf(option), 1)
      if (shared.owners.length > 0) return
      this.forget(shared)
      await shared.speaker.close(withinMs)
    }
    return {
      speaker: shared.speaker as T,
      address: boundAddress(shared.speaker.server, address),
      leave: (withinMs) => (left ??= leave(withinMs))
    }
  }
}

/** An address as one writes it in the configuration. */
export function nameOf(address: SocketAddress): string {
  if ('path' in address) return `unix:${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

// Each option that asks for port 0 gets a port of its own, and the same one again after a reload.
function keyOf(address: SocketAddress, option: string, kind: SocketKind): string {
  const owner = 'port' in address && address.port === 0 ? ` ${option}` : ''
  return `${kind} ${nameOf(address)}${owner}`
}

function boundAddress(server: Listening, asked: SocketAddress): SocketAddress {
  const bound = server.address()
  return 'path' in asked || bound === null || typeof bound === 'string' ? asked : { host: asked.host, port: bound.port }
}

async function listen(server: Listening, address: SocketAddress, option: string): Promise<void> {
  try {
    if ('path' in address) await listenOnPath(server, address.path)
    else await bind(server, address)
  } catch (error) {
    throw new RefusedError(
      'unavailable',
      `${option}: cannot listen on ${nameOf(address)}: ${reasonOf(error as NodeJS.ErrnoException, address)}`
    )
  }
  // From here on only accepting can fail, for want of file descriptors say. That connection is lost; the next may come through.
  server.on('error', () => undefined)
}

async function listenOnPath(server: Listening, path: string): Promise<void> {
  if (Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX) throw new Error(`the path is longer than ${UNIX_PATH_BYTES_MAX} bytes`)
  try {
    await bind(server, { path })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    const found = await lstat(path)
    if (!found.isSocket()) throw new Error('there is a file of that name that is not a socket')
    if (await isAnswered(path)) throw error
    // Left behind by a process that did not get to remove it.
    await unlink(path)
    await bind(server, { path })
  }
  await chmod(path, UNIX_SOCKET_MODE)
}

function bind(server: Listening, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...address, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Anything but a refusal (a full backlog, no permission) means that somebody may be there.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
  })
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'the address is in use by another program',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EACCES: 'no permission',
  ENOTFOUND: 'the host name is not known'
}

function reasonOf(error: NodeJS.ErrnoException, address: SocketAddress): string {
  // Node says the same of a directory that is not there.
  if (error.code === 'EACCES' && 'path' in address) return 'the directory does not exist or may not be written to'
  return REASONS[error.code ?? ''] ?? error.message
}
