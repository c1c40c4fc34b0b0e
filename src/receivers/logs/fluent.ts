import type { Host, Push } from '../../component.ts'
import { addresses, group, map, maybe, secret, size, text } from '../../config/schema.ts'
import { RefusedError } from '../../errors.ts'
import { openRequest } from '../../logs/request.ts'
import { listenDatagrams } from '../../net/datagram-server.ts'
import { ByteBudget } from '../../net/limits.ts'
import { nameOf, type SocketAddress } from '../../net/sockets.ts'
import { listenStream } from '../../net/stream-server.ts'
import { FluentChunks } from './fluent-chunks.ts'
import { type FluentEvent, type FluentHub, FluentReader } from './fluent-reader.ts'
import { Intake } from './intake.ts'
import { PartBudget } from './part-budget.ts'
import type { WayIn, WaySettings } from './ways-in.ts'

/** The options of Fluent Forward. */
export const fluentOptions = {
  fluent: addresses({
    default: '127.0.0.1:24224',
    listens: 'both',
    doc: 'Where to take Fluent Forward, as Fluentd, Fluent Bit, Docker’s log driver and the Fluent loggers speak it; one address or several.'
  }),
  fluentMessageMax: size({
    default: '16MiB',
    min: '1KiB',
    max: '1GiB',
    doc: 'The largest Fluent Forward message, both as it comes and inflated.'
  }),
  fluentAuth: group(
    {
      sharedKey: maybe(secret({ doc: 'The key that senders must know; without it everybody may send.' })),
      users: map(secret({ doc: 'The password.' }), { doc: 'Names and passwords that senders must know beside the key; none by default.' }),
      host: text({ default: 'sluice', doc: 'The name that the gateway gives itself; a sender of the same name refuses it.' })
    },
    { doc: 'Who may send Fluent Forward.' }
  )
} as const

export interface FluentOptions {
  readonly fluent: readonly SocketAddress[]
  readonly fluentMessageMax: number
  readonly fluentAuth: { readonly sharedKey?: string | undefined; readonly users: Readonly<Record<string, string>>; readonly host: string }
}

const HEARTBEAT = Buffer.from([0])
/** Unfinished and inflated messages of all connections may hold so many of the largest together. */
const MESSAGES_MAX = 4

/** Listens for Fluent Forward at addresses. Throws RefusedError `unavailable` where it cannot, and then listens nowhere. */
export async function listenFluent(options: FluentOptions, settings: WaySettings, push: Push, host: Host): Promise<WayIn> {
  const { fluent, fluentMessageMax: messageBytesMax, fluentAuth } = options
  const { connectionsMax, idleMs, tls } = settings
  const { collector } = settings.intake
  const bytesMax = MESSAGES_MAX * messageBytesMax
  const intake = new Intake('fluent', { ...settings.intake, parts: new PartBudget(bytesMax) }, push, host)
  const chunks = new FluentChunks(Math.max(collector.pendingBytesMax, messageBytesMax))
  const patient = chunks.patient(push)
  const { sharedKey } = fluentAuth
  if (sharedKey === undefined && Object.keys(fluentAuth.users).length > 0)
    throw new RefusedError(
      'unavailable',
      `receivers.${host.name}.fluentAuth: users are asked for their passwords only where there is a sharedKey`
    )
  const hub: FluentHub = {
    intake,
    chunks,
    auth: sharedKey === undefined ? undefined : { sharedKey, users: new Map(Object.entries(fluentAuth.users)), host: fluentAuth.host },
    messageBytesMax,
    budget: new ByteBudget(bytesMax),
    request: () => openRequest(host, 'fluent', collector, patient),
    count: countOf(intake, host)
  }
  const bound: string[] = []
  const listeners: { close(withinMs: number): Promise<void> }[] = []
  const stop = async (withinMs: number): Promise<void> => {
    await Promise.all([...listeners.splice(0).map((listener) => listener.close(withinMs)), chunks.stop(withinMs)])
    await intake.collector.stop()
  }
  const fault = (error: unknown): void => intake.fault(error)
  try {
    for (const [index, asked] of fluent.entries()) {
      const option = `receivers.${host.name}.fluent${fluent.length > 1 ? `[${index}]` : ''}`
      const listener = await listenStream(host.sockets, asked, option, 'fluent', (connection) => new FluentReader(hub, connection), {
        connectionsMax,
        idleMs,
        tls: 'path' in asked ? undefined : tls,
        count: (event) => intake.event(event),
        fault
      })
      listeners.push(listener)
      if (!('path' in listener.address)) {
        const beats = await listenDatagrams(
          host.sockets,
          listener.address,
          option,
          'fluent',
          (message, from) => {
            if (message.length === HEARTBEAT.length) beats.send(HEARTBEAT, from)
          },
          { lost: () => undefined, fault }
        )
        listeners.push(beats)
      }
      bound.push(nameOf(listener.address))
    }
  } catch (error) {
    await stop(0)
    throw error
  }
  return { addresses: bound, stop }
}

function countOf(intake: Intake, { name, metrics }: Host): (event: FluentEvent) => void {
  const duplicates = metrics.counter(
    'sluice_log_duplicate_chunks_total',
    'Chunks of Fluent Forward that had come before, and were answered but not taken again, by receiver.'
  )
  return (event) => {
    if (event === 'duplicate') duplicates.add(1, { receiver: name })
    else intake.event(event)
  }
}
