import type { TlsOptions } from 'node:tls'
import type { Host, Push } from '../../component.ts'
import { type DatagramSettings, listenDatagrams } from '../../net/datagram-server.ts'
import { nameOf, type SocketAddress } from '../../net/sockets.ts'
import { type Connection, listenStream, type Reader } from '../../net/stream-server.ts'
import { listenUnixDatagrams } from '../../net/unix-datagrams.ts'
import { GELF_BYTES_MAX, GELF_FRAMING, GelfDatagrams, takeGelf } from './gelf.ts'
import { Intake, type IntakeSettings } from './intake.ts'
import { type TakeText, TextReader, takeLine } from './line-reader.ts'
import { Senders } from './senders.ts'
import { listenInput } from './stdin.ts'
import { SYSLOG_FRAMING, takeSyslog } from './syslog.ts'
import { takeDatagram } from './text-datagrams.ts'

/** One way in, at all of its addresses. */
export interface WayIn {
  /** As bound. */
  readonly addresses: readonly string[]
  /** Resolves when nothing more can come; undefined where there is always more. */
  readonly ended?: Promise<void>
  /** Reads what has been sent, and sees it through. */
  stop(withinMs: number): Promise<void>
}

export interface WaySettings {
  readonly intake: IntakeSettings
  readonly connectionsMax: number
  readonly idleMs: number
  readonly tls: TlsOptions | undefined
}

/** What is spoken at the addresses of one option. */
interface Protocol {
  /** The option, the transport in counters, and the scope of the records. */
  readonly name: 'tcp' | 'udp' | 'syslog' | 'gelf'
  open?(intake: Intake): (connection: Connection) => Reader
  take?(intake: Intake): { take: Parameters<typeof listenDatagrams>[4]; stop?(): void }
}

/** Lines over connections. */
export const tcp: Protocol = {
  name: 'tcp',
  open: (intake) => (connection) => new TextReader(intake, connection, { newline: true }, takeLine)
}

/** Lines in datagrams. */
export const udp: Protocol = {
  name: 'udp',
  take: (intake) => {
    const senders = new Senders(intake)
    return { take: (datagram, { address }) => takeDatagram(intake, senders.of(address), datagram, 'lines', takeLine) }
  }
}

/** Syslog messages, over connections and in datagrams. */
export const syslog: Protocol = {
  name: 'syslog',
  open: (intake) => (connection) => new TextReader(intake, connection, SYSLOG_FRAMING, takeSyslog),
  take: (intake) => {
    const senders = new Senders(intake)
    return { take: (datagram, { address }) => takeDatagram(intake, senders.of(address), datagram, 'message', takeSyslog) }
  }
}

/** GELF, over connections and in datagrams. */
export const gelf: Protocol = {
  name: 'gelf',
  open: (intake) => (connection) => new TextReader(intake, connection, GELF_FRAMING, takeGelf, GELF_BYTES_MAX),
  take: (intake) => new GelfDatagrams(intake)
}

/** Listens for a protocol at addresses. Throws RefusedError `unavailable` where it cannot, and then listens nowhere. */
export async function listenAt(
  { name, open, take }: Protocol,
  addresses: readonly SocketAddress[],
  settings: WaySettings,
  push: Push,
  host: Host
): Promise<WayIn> {
  const { sockets } = host
  const intake = new Intake(name, settings.intake, push, host)
  const datagrams = take?.(intake)
  const count = { count: (event: Parameters<Intake['event']>[0]) => intake.event(event), fault: (error: unknown) => intake.fault(error) }
  const lost: DatagramSettings = { lost: (messages) => intake.drop(messages, 'socket'), fault: count.fault }
  const bound: string[] = []
  const listeners: { close(withinMs: number): Promise<void> }[] = []
  const stop = async (withinMs: number): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close(withinMs)))
    datagrams?.stop?.()
    await intake.collector.stop()
  }
  try {
    for (const [index, asked] of addresses.entries()) {
      const option = `receivers.${host.name}.${name}${addresses.length > 1 ? `[${index}]` : ''}`
      let address = asked
      if (open !== undefined) {
        const { connectionsMax, idleMs } = settings
        const tls = 'path' in asked ? undefined : settings.tls
        const listener = await listenStream(sockets, asked, option, name, open(intake), { connectionsMax, idleMs, tls, ...count })
        listeners.push(listener)
        // Datagrams come at the same port, whichever it is.
        address = listener.address
      }
      if (datagrams !== undefined && !('path' in address && open !== undefined)) {
        const listener = await listenDatagrams(sockets, address, option, name, datagrams.take, lost)
        listeners.push(listener)
        address = listener.address
      }
      bound.push(nameOf(address))
    }
  } catch (error) {
    await stop(0)
    throw error
  }
  return { addresses: bound, stop }
}

// As glibc and Python write to /dev/log, or plain lines.
const takeLocal: TakeText = (stream, text, isCut, nowMs) => (text[0] === '<' ? takeSyslog : takeLine)(stream, text, isCut, nowMs)

/** Reads Unix datagram sockets, as /dev/log is one: syslog messages, or lines. */
export async function listenLocal(addresses: readonly SocketAddress[], settings: WaySettings, push: Push, host: Host): Promise<WayIn> {
  const intake = new Intake('datagram', settings.intake, push, host)
  const stream = intake.collector.open(intake.source(undefined))
  const listeners: { close(withinMs: number): Promise<void> }[] = []
  const stop = async (withinMs: number): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close(withinMs)))
    stream.close()
    await intake.collector.stop()
  }
  const reader = {
    isReady: () => !intake.collector.isFull,
    take: (message: Buffer) => takeDatagram(intake, stream, message, message[0] === 60 ? 'message' : 'lines', takeLocal),
    fault: (error: unknown) => intake.fault(error)
  }
  try {
    for (const [index, address] of addresses.entries()) {
      const option = `receivers.${host.name}.datagram${addresses.length > 1 ? `[${index}]` : ''}`
      listeners.push(await listenUnixDatagrams(host.sockets, address, option, 'datagram', reader))
    }
  } catch (error) {
    await stop(0)
    throw error
  }
  return { addresses: addresses.map(nameOf), stop }
}

/** Reads the lines of the process's own input. */
export function listenStdin(settings: WaySettings, push: Push, host: Host): WayIn {
  const intake = new Intake('stdin', settings.intake, push, host)
  const open = (connection: Connection): Reader => new TextReader(intake, connection, { newline: true }, takeLine)
  const input = listenInput(open, (error) => intake.fault(error), process.stdin)
  const stop = async (): Promise<void> => {
    await input.close()
    await intake.collector.stop()
  }
  return { addresses: [], ended: input.ended.then(() => intake.collector.flush()), stop }
}
