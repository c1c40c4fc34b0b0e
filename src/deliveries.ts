import { setTimeout as sleep } from 'node:timers/promises'
import { Account } from './account.ts'
import type { Signal } from './batch.ts'
import type { Exporter, Log } from './component.ts'
import { Delivery } from './delivery.ts'
import type { Ledger } from './ledger.ts'
import type { Queue } from './queue/queue.ts'
import type { Sample } from './telemetry/metrics.ts'
import type { Tracer } from './telemetry/tracer.ts'

/** An exporter and what it takes from the queue. */
export interface Destination {
  readonly name: string
  readonly exporter: Exporter
  readonly signals: readonly Signal[]
  readonly batchBytesMax: number
}

interface Lane {
  readonly exporter: Exporter
  readonly name: string
  readonly signal: Signal
  readonly account: Account
  readonly delivery: Delivery
  readonly stop: AbortController
  readonly done: Promise<void>
}

interface Surroundings {
  readonly queue: Queue
  readonly ledger: Ledger
  readonly log: Log
  readonly tracer: Tracer
  readonly ageMaxMs: number
}

/** How often a drain looks whether it is done. */
const DRAIN_LOOK_MS = 20

/** The delivery loops: one per exporter and signal, so that none waits for another. */
export class Deliveries {
  private readonly surroundings: Surroundings
  private lanes: readonly Lane[] = []

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings
  }

  /** Makes the loops be those of `destinations`: ends the ones that are not, leaves alone the ones that are, begins the rest. */
  async use(destinations: readonly Destination[]): Promise<void> {
    const wanted = destinations.flatMap((destination) => destination.signals.map((signal) => ({ destination, signal })))
    const stays = (lane: Lane): boolean =>
      wanted.some(({ destination, signal }) => destination.exporter === lane.exporter && signal === lane.signal)
    const kept = this.lanes.filter(stays)
    await end(this.lanes.filter((lane) => !stays(lane)))
    await this.surroundings.queue.keepCursors(wanted.map(({ destination, signal }) => ({ lane: signal, reader: destination.name })))
    const missing = wanted.filter(
      ({ destination, signal }) => !kept.some((lane) => lane.exporter === destination.exporter && lane.signal === signal)
    )
    this.lanes = [...kept, ...(await Promise.all(missing.map(({ destination, signal }) => this.begin(destination, signal))))]
  }

  private async begin({ name, exporter, batchBytesMax }: Destination, signal: Signal): Promise<Lane> {
    const { queue, ledger, log, tracer, ageMaxMs } = this.surroundings
    const account = new Account(ledger, signal)
    const cursor = await queue.cursor(signal, name, account.snapshot())
    account.restore(cursor.state)
    const delivery = new Delivery({ name, signal, exporter, cursor, account, log, tracer, batchBytesMax, ageMaxMs })
    const stop = new AbortController()
    return { exporter, name, signal, account, delivery, stop, done: delivery.run(stop.signal) }
  }

  /** Items of a signal were evicted from the queue: those that had `enqueuedBefore` or fewer before them. */
  evicted(signal: Signal, enqueuedBefore: number): void {
    for (const lane of this.lanes) if (lane.signal === signal) lane.account.evictedUpTo(enqueuedBefore)
  }

  /** Waits until everything is delivered, but not for destinations that fail if what they lack is `durable`, and not past `deadlineMs`. */
  async drain(durable: boolean, deadlineMs: number): Promise<void> {
    const busy = ({ account, delivery }: Lane): boolean => account.held > 0 && !(durable && delivery.failing !== null)
    while (this.lanes.some(busy) && Date.now() < deadlineMs) await sleep(DRAIN_LOOK_MS)
  }

  async stop(): Promise<void> {
    await end(this.lanes)
  }

  /** How each loop is doing. */
  state() {
    return this.lanes.map(({ name, signal, account, delivery, exporter }) => ({
      exporter: name,
      signal,
      held: account.held,
      failing: delivery.failing ?? exporter.trouble?.() ?? null
    }))
  }

  samples(): Sample[] {
    return this.lanes.flatMap(({ name, account }) => account.samples(name))
  }
}

async function end(lanes: readonly Lane[]): Promise<void> {
  for (const { stop } of lanes) stop.abort()
  await Promise.all(lanes.map(({ done }) => done))
}
