import type { Host, Push } from '../../component.ts'
import { addresses, duration, integer } from '../../config/schema.ts'
import { listenDatagrams } from '../../net/datagram-server.ts'
import { nameOf, type SocketAddress } from '../../net/sockets.ts'
import { listenStream } from '../../net/stream-server.ts'
import { listenUnixDatagrams } from '../../net/unix-datagrams.ts'
import { Aggregation } from './dogstatsd-aggregation.ts'
import { FrameReader } from './dogstatsd-frames.ts'

/** The options of DogStatsD. */
export const dogstatsdOptions = {
  dogstatsd: addresses({
    default: '127.0.0.1:8125',
    listens: 'datagrams',
    doc: 'Where to take DogStatsD over UDP, or over a Unix datagram socket as unix:/path, which needs the package koffi; one address or several.'
  }),
  dogstatsdStream: addresses({
    default: 'off',
    doc: 'Where to take DogStatsD over a Unix stream socket as unix:/path, or over TCP, each packet behind its length; one address or several.'
  }),
  flushInterval: duration({
    default: '10s',
    min: '100ms',
    max: '5m',
    doc: 'How often what DogStatsD has brought goes on as metrics. Until then it is in memory only.'
  }),
  seriesMax: integer({
    default: 10_000,
    min: 1,
    max: 10_000_000,
    doc: 'Metrics of DogStatsD that are held, each with its tags; more are dropped and counted.'
  }),
  expireAfter: duration({
    default: '1h',
    min: '1s',
    doc: 'A metric of DogStatsD that nothing came for in so long is forgotten; its count then begins anew.'
  })
} as const

export interface DogStatsDOptions {
  readonly dogstatsd: readonly SocketAddress[]
  readonly dogstatsdStream: readonly SocketAddress[]
  readonly flushInterval: number
  readonly seriesMax: number
  readonly expireAfter: number
}

export interface DogStatsDSettings {
  /** Open connections per address of dogstatsdStream. */
  readonly connectionsMax: number
  /** Opens a socket, or gives null where it can be done without. */
  attempt<T>(listening: Promise<T>): Promise<T | null>
}

export interface DogStatsDListener {
  /** As bound. */
  readonly addresses: readonly string[]
  /** Reads what has been sent, and tells all that there is. */
  stop(withinMs: number): Promise<void>
}

/** Clients keep one connection, and are quiet while nothing happens. */
const IDLE_MS = 24 * 60 * 60_000

/** Listens for DogStatsD. Throws RefusedError `unavailable` where it cannot and must, and then listens nowhere. */
export async function listenDogStatsD(
  options: DogStatsDOptions,
  { connectionsMax, attempt }: DogStatsDSettings,
  push: Push,
  host: Host
): Promise<DogStatsDListener> {
  const bound: string[] = []
  if (options.dogstatsd.length + options.dogstatsdStream.length === 0) return { addresses: bound, stop: () => Promise.resolve() }
  const { flushInterval: intervalMs, seriesMax, expireAfter: expireAfterMs } = options
  const { sockets } = host
  const into = new Aggregation({ intervalMs, seriesMax, expireAfterMs }, push, host)
  const listeners: { readonly address: SocketAddress; close(withinMs: number): Promise<void> }[] = []
  const stop = async (withinMs: number): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close(withinMs)))
    await into.stop()
  }
  const fault = (error: unknown): void => into.fault(error)
  const lost = (messages: number): void => into.dropped('socket', messages)
  const frames = {
    tooLarge: () => into.dropped('too-large', 1),
    unfinished: () => into.dropped('unfinished', 1)
  }
  const connections = host.metrics.counter(
    'sluice_receiver_refused_requests_total',
    'Requests and connections that a receiver did not accept, by reason.'
  )

  const open = (address: SocketAddress, option: string) => {
    if (!('path' in address))
      return listenDatagrams(sockets, address, option, 'dogstatsd', (packet, from) => into.read(packet, from.address), { lost, fault })
    const reader = { isReady: () => true, take: (packet: Buffer) => into.read(packet), fault }
    return listenUnixDatagrams(sockets, address, option, 'dogstatsd', reader)
  }
  const openStream = (address: SocketAddress, option: string) =>
    listenStream(
      sockets,
      address,
      option,
      'dogstatsd',
      (connection) => new FrameReader({ ...frames, packet: (packet) => into.read(packet, connection.remoteAddress) }, connection),
      {
        connectionsMax,
        idleMs: IDLE_MS,
        count: (reason) => connections.add(1, { receiver: host.name, transport: 'dogstatsd', reason }),
        fault
      }
    )

  try {
    for (const [name, listen] of [
      ['dogstatsd', open],
      ['dogstatsdStream', openStream]
    ] as const) {
      const asked = options[name]
      for (const [index, address] of asked.entries()) {
        const option = `receivers.${host.name}.${name}${asked.length > 1 ? `[${index}]` : ''}`
        const listener = await attempt(listen(address, option))
        if (listener === null) continue
        listeners.push(listener)
        bound.push(nameOf(listener.address))
      }
    }
  } catch (error) {
    await stop(0)
    throw error
  }
  into.start()
  return { addresses: bound, stop }
}
