import type { Host, Push } from '../../component.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { openCollector } from '../../logs/collector.ts'
import type { CollectorSettings, LogCollector, LogStream } from '../../logs/log-collector.ts'
import { LogEntry } from '../../logs/log-entry.ts'
import { faultOf } from '../../telemetry/fault.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import { Rarely } from '../../telemetry/rarely.ts'
import { readEvent, readServiceCheck } from './dogstatsd-events.ts'
import { type DropReason, LineReader, type LineSink } from './dogstatsd-lines.ts'
import { type Part, partsOf } from './dogstatsd-rounds.ts'
import { isSet, type Source, Store, type StoreLimits } from './dogstatsd-store.ts'
import type { Tagged } from './dogstatsd-tags.ts'

const TRANSPORT = 'dogstatsd'
/** Events and service checks. */
const RECORDS: CollectorSettings = {
  batchBytes: 256 * 1024,
  delayMs: 200,
  pendingBytesMax: 4 * 1024 * 1024,
  joinWithinMs: 10,
  lineBytesMax: 64 * 1024
}
/** Resources whose events are told apart at once; one more, and the longest known is opened again when it comes again. */
const STREAMS_MAX = 256
/** How long what was refused for now is tried when it stops. */
const STOP_RETRIES_MS = 3000
const STOP_RETRY_MS = 100

export interface AggregationOptions extends StoreLimits {
  readonly intervalMs: number
}

type Reason = DropReason | 'full' | 'refused' | 'socket' | 'too-large' | 'unfinished' | 'fault'

/** Makes metrics of messages, and log records of events and service checks, whichever way they come. */
export class Aggregation implements LineSink {
  private readonly host: Host
  private readonly push: Push
  private readonly intervalMs: number
  private readonly store: Store
  private readonly lines: LineReader
  private readonly records: LogCollector
  private readonly streams = new Map<string, LogStream>()
  private readonly entry = new LogEntry()
  private readonly messages: Counter
  private readonly drops: Counter
  private readonly expiries: Counter
  private readonly refusals: Counter
  private readonly rarely = new Rarely()
  private timer: NodeJS.Timeout | undefined
  private running: Promise<boolean> | null = null
  private toldExpired = 0

  constructor(options: AggregationOptions, push: Push, host: Host) {
    const { name: receiver, metrics } = host
    this.host = host
    this.push = push
    this.intervalMs = options.intervalMs
    this.store = new Store(options)
    this.lines = new LineReader(this.store, this)
    this.records = openCollector(host, TRANSPORT, RECORDS, push)
    this.messages = metrics.counter('sluice_dogstatsd_messages_total', 'Messages of DogStatsD that were taken, by kind.')
    this.drops = metrics.counter('sluice_dogstatsd_dropped_total', 'Messages of DogStatsD that were dropped, by reason.')
    this.expiries = metrics.counter('sluice_dogstatsd_series_expired_total', 'Series of DogStatsD that were forgotten, since nothing came.')
    this.refusals = metrics.counter(
      'sluice_dogstatsd_refused_rounds_total',
      'Rounds that found no room, by reason; the next ones make up for them.'
    )
    metrics.observe('sluice_dogstatsd_series', 'Series of DogStatsD held in memory.', 'gauge', () => [
      { labels: { receiver }, value: this.store.size }
    ])
  }

  start(): void {
    this.timer = setInterval(() => {
      // A round that finds the one before still waiting for the disk is left out: the next one tells it all.
      if (this.running === null) void this.round()
      else this.refusals.add(1, { receiver: this.host.name, reason: 'busy' })
    }, this.intervalMs)
  }

  /** Reads a packet; `sender` is the IP address that it came from. */
  read(packet: Buffer, sender = ''): void {
    this.lines.read(packet.toString(), this.store.sourceOf(sender))
  }

  taken(kind: 'metric' | 'event' | 'service_check', count: number): void {
    this.messages.add(count, { receiver: this.host.name, kind })
  }

  dropped(reason: Reason, count: number): void {
    this.drops.add(count, { receiver: this.host.name, reason })
  }

  fault(error: unknown): void {
    this.dropped('fault', 1)
    const fault = faultOf(error, 3)
    if (this.rarely.isDue(fault.place))
      this.host.log.error({ receiver: this.host.name, ...fault }, 'DogStatsD messages were lost by a fault')
  }

  other(line: string, { sender }: Source): void {
    const { entry, records } = this
    entry.reset(Date.now())
    const isEvent = line.startsWith('_e')
    const tagged = isEvent ? readEvent(line, entry) : readServiceCheck(line, entry)
    if (tagged === undefined) this.dropped('malformed', 1)
    else if (records.isFull) this.dropped('full', 1)
    else {
      this.streamOf(tagged, sender).record(entry)
      this.taken(isEvent ? 'event' : 'service_check', 1)
    }
  }

  /** Tells all that there is, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    await this.running
    const deadlineMs = performance.now() + STOP_RETRIES_MS
    while (!(await this.round()) && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, STOP_RETRY_MS))
    for (const stream of this.streams.values()) stream.close()
    this.streams.clear()
    await this.records.stop()
  }

  private round(): Promise<boolean> {
    this.running = this.tell().finally(() => {
      this.running = null
    })
    return this.running
  }

  // Whether all of it found its place.
  private async tell(): Promise<boolean> {
    const nowMs = Date.now()
    this.store.expire(nowMs)
    const { expired } = this.store
    if (expired > this.toldExpired) this.expiries.add(expired - this.toldExpired, { receiver: this.host.name })
    this.toldExpired = expired
    try {
      for (const part of partsOf(this.store, nowMs)) await this.deliver(part)
      return true
    } catch (error) {
      if (!(error instanceof RefusedError)) this.fault(error)
      const reason = error instanceof RefusedError ? error.code : 'internal'
      this.refusals.add(1, { receiver: this.host.name, reason })
      if (this.rarely.isDue(reason))
        this.host.log.warn({ receiver: this.host.name, error: messageOf(error) }, 'metrics of DogStatsD were not taken')
      return !(error instanceof RefusedError) || !error.retryable
    }
  }

  private async deliver({ batch, series }: Part): Promise<void> {
    try {
      await this.push(batch)
    } catch (error) {
      // Totals and last values are told the next time; members of sets are gone.
      let sets = 0
      for (const one of series) {
        if (isSet(one.family.kind)) sets++
        else one.isDirty = true
      }
      if (sets > 0) this.dropped('refused', sets)
      throw error
    }
  }

  private streamOf({ resource }: Tagged, sender: string | undefined): LogStream {
    const key = JSON.stringify([sender, resource])
    let stream = this.streams.get(key)
    if (stream === undefined) {
      if (this.streams.size >= STREAMS_MAX) this.closeOldest()
      stream = this.records.open({ resource, attributes: {}, scope: 'sluice.dogstatsd', format: 'text', sender })
      this.streams.set(key, stream)
    }
    return stream
  }

  private closeOldest(): void {
    for (const [key, stream] of this.streams) {
      stream.close()
      this.streams.delete(key)
      return
    }
  }
}
