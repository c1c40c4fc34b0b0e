import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { isIPv6 } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { RefusedError } from '../errors.ts'
import { type Listening, nameOf, type SocketAddress, type Sockets, type Speaker } from './sockets.ts'

/** What concerns a whole address. */
export interface DatagramSettings {
  /** Told how many messages the kernel dropped since the last time, for want of room in the socket's buffer. */
  lost(count: number): void
  /** Told what `take` threw; that message is lost. */
  fault(error: unknown): void
}

/** Takes a message; it may be kept. Messages have no way back, so this cannot wait: it takes, or counts what it drops. */
export type TakeDatagram = (message: Buffer, from: RemoteInfo) => void

export interface DatagramListener {
  readonly address: SocketAddress
  send(message: Uint8Array, to: RemoteInfo): void
  /** Takes no more. What has arrived goes to whoever else serves the address, or is taken for up to `withinMs` yet. */
  close(withinMs: number): Promise<void>
}

/** Asked for; the kernel gives what net.core.rmem_max allows. */
const BUFFER_BYTES = 4 * 1024 * 1024
const LOOK_EVERY_MS = 10_000
const QUIET_MS = 20

/**
 * Serves messages over UDP at an address. Whoever asks for it again takes over, and the socket stays open. `option` is the place in the
 * configuration that asks, `protocol` what is spoken. Throws RefusedError `unavailable` if it cannot listen there.
 */
export async function listenDatagrams(
  sockets: Sockets,
  address: SocketAddress,
  option: string,
  protocol: string,
  take: TakeDatagram,
  settings: DatagramSettings
): Promise<DatagramListener> {
  if ('path' in address) throw new RefusedError('unavailable', `${option}: expected host:port, not ${nameOf(address)}`)
  const place = await sockets.join(address, option, protocol, () => new DatagramPort(isIPv6(address.host)), 'datagram')
  const { speaker } = place
  const tenant = { take, settings }
  speaker.tenants.push(tenant)
  const close = async (withinMs: number): Promise<void> => {
    // The last one takes what has arrived to the end.
    if (speaker.tenants.length > 1) speaker.tenants.splice(speaker.tenants.indexOf(tenant), 1)
    await place.leave(withinMs)
  }
  return {
    address: place.address,
    send: (message, { port, address: to }) => speaker.socket.send(message, port, to, () => undefined),
    close
  }
}

interface Tenant {
  readonly take: TakeDatagram
  readonly settings: DatagramSettings
}

class DatagramPort implements Speaker {
  readonly server: Listening
  readonly socket: Socket
  /** The newest gets the messages. */
  readonly tenants: Tenant[] = []
  private readonly looking: NodeJS.Timeout
  private heardAtMs = 0
  private lost = 0
  private closed: Promise<void> | undefined

  constructor(isVersion6: boolean) {
    // `::` stands for every interface, of both versions.
    this.socket = createSocket({ type: isVersion6 ? 'udp6' : 'udp4', recvBufferSize: BUFFER_BYTES })
    this.server = new Bound(this.socket)
    this.socket.on('message', (message, from) => this.hear(message, from))
    this.looking = setInterval(() => void this.look(), LOOK_EVERY_MS).unref()
  }

  close(withinMs: number): Promise<void> {
    this.closed ??= this.drain(withinMs)
    return this.closed
  }

  private async drain(withinMs: number): Promise<void> {
    clearInterval(this.looking)
    const deadlineMs = performance.now() + withinMs
    do {
      await sleep(Math.min(QUIET_MS, withinMs))
      // What waits in the kernel is read before an immediate runs, however late the timer was.
      await nextTurn()
    } while (performance.now() < deadlineMs && performance.now() - this.heardAtMs < QUIET_MS)
    await this.look()
    await new Promise<void>((resolve) => this.socket.close(() => resolve()))
  }

  private hear(message: Buffer, from: RemoteInfo): void {
    this.heardAtMs = performance.now()
    const tenant = this.tenants.at(-1)
    try {
      tenant?.take(message, from)
    } catch (error) {
      tenant?.settings.fault(error)
    }
  }

  private async look(): Promise<void> {
    const { address, port, family } = this.socket.address()
    const drops = await dropsAt(address, port, family === 'IPv6')
    if (drops === undefined || drops <= this.lost) return
    this.tenants.at(-1)?.settings.lost(drops - this.lost)
    this.lost = drops
  }
}

/** A datagram socket with the face of a server. */
class Bound extends EventEmitter implements Listening {
  private readonly socket: Socket

  constructor(socket: Socket) {
    super()
    this.socket = socket
    socket.on('error', (error) => this.emit('error', error))
    // Nobody listens while the address is being looked up.
    this.on('error', () => undefined)
  }

  listen({ host, port }: { readonly host?: string; readonly port?: number }, done: () => void): void {
    this.socket.bind({ address: host, port, exclusive: true }, done)
  }

  address(): AddressInfo {
    return this.socket.address()
  }
}

/** What the kernel has dropped at an address, as far as it says so. */
async function dropsAt(address: string, port: number, isVersion6: boolean): Promise<number | undefined> {
  const table = await readFile(isVersion6 ? '/proc/net/udp6' : '/proc/net/udp', 'latin1').catch(() => '')
  return dropsIn(table, address, port)
}

/**
 * The drops of one socket in a table as /proc/net/udp has it: number, local address and port in hexadecimal, the address in the machine's order of
 * bytes, …, drops last. Version 6 addresses are not compared: two sockets with the same port and other addresses are rare.
 */
export function dropsIn(table: string, address: string, port: number): number | undefined {
  const place = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
  const local = bytes.length === 4 ? `${bytes.reverse().join('')}${place}` : undefined
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (local === undefined ? fields[1]?.endsWith(place) : fields[1] === local) return Number(fields.at(-1))
  }
  return undefined
}
