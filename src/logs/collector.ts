import type { Host, Log, Push } from '../component.ts'
import { messageOf, RefusedError } from '../errors.ts'
import { Rarely } from '../telemetry/rarely.ts'
import { LineCounts } from './counts.ts'
import type { CollectorSettings, LogCollector, LogStream, OpenCollector } from './log-collector.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogSource } from './log-source.ts'
import { Parcel } from './parcel.ts'
import { Stream, type StreamSink } from './stream.ts'

/** Batches that are being pushed at once, so that they share the queue's writes. */
const IN_FLIGHT_MAX = 4
/** Senders that have a batch under construction; one more, and the oldest batch goes on early. */
const SENDERS_MAX = 128
/** Records that wait for their next line may take this share of what may wait; more, and all go on as they are. */
const HELD_SHARE = 0.5
/** Waiting records are looked at no more often. */
const STEP_MS_MAX = 50
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 5_000
/** How long a batch that may be tried again is tried when the collector stops. */
const STOP_RETRIES_MS = 3_000
const STOP_RETRY_MS = 100

/** Collects what the sources of one transport of a receiver say. */
export const openCollector: OpenCollector = (host, transport, settings, push) => new Collector(host, transport, settings, push)

class Collector implements LogCollector, StreamSink {
  readonly lineBytesMax: number
  private readonly settings: CollectorSettings
  private readonly push: Push
  private readonly log: Log
  private readonly counts: LineCounts
  private readonly rarely = new Rarely()
  private readonly streams = new Set<Stream>()
  /** Streams that wait for the next line of a record. */
  private readonly holding = new Set<Stream>()
  private readonly stepMs: number
  /** By sender, the oldest first. */
  private readonly building = new Map<string | undefined, Parcel>()
  /** Those that take no more, the oldest first, until all before them have been concluded. */
  private readonly sealed: Parcel[] = []
  private started = 0
  private inFlight = 0
  private pendingBytes = 0
  private heldCharacters = 0
  private timer: NodeJS.Timeout | undefined
  private wakesAtMs = 0
  private waitingForRoom: (() => void)[] = []
  private sleepers: (() => void)[] = []
  private stoppedAtMs = 0

  constructor(host: Host, transport: string, settings: CollectorSettings, push: Push) {
    this.settings = settings
    this.lineBytesMax = settings.lineBytesMax
    this.stepMs = Math.min(STEP_MS_MAX, settings.joinWithinMs / 4)
    this.push = push
    this.log = host.log
    this.counts = new LineCounts(host, transport)
  }

  open(source: LogSource): LogStream {
    const stream = new Stream(source, this)
    this.streams.add(stream)
    return stream
  }

  get isFull(): boolean {
    return this.pendingBytes > this.settings.pendingBytesMax
  }

  room(): Promise<void> {
    return this.isFull ? new Promise((resolve) => this.waitingForRoom.push(resolve)) : Promise.resolve()
  }

  flush(): Promise<void> {
    this.sealAll()
    return this.sealed.at(-1)?.settled() ?? Promise.resolve()
  }

  async stop(): Promise<void> {
    for (const stream of this.streams) stream.close()
    this.stoppedAtMs = performance.now()
    for (const wake of this.sleepers.splice(0)) wake()
    await this.flush()
    clearTimeout(this.timer)
  }

  take(stream: Stream, entry: LogEntry, lines: number, isTruncated: boolean): void {
    const parcel = this.parcelOf(stream.source.sender)
    this.pendingBytes += parcel.add(stream.source, entry, lines, isTruncated, stream.isRereadable)
    if (parcel.bytes >= this.settings.batchBytes) this.seal(parcel)
  }

  mark(stream: Stream, position: number): void {
    const parcel = this.building.get(stream.source.sender) ?? this.sealed.at(-1)
    if (parcel === undefined) stream.advance(position)
    else parcel.markAs(stream, position)
  }

  blank(lines: number): void {
    this.counts.blank(lines)
  }

  misread(): void {
    this.counts.misread()
  }

  hold(stream: Stream, characters: number): void {
    this.pendingBytes += characters
    this.heldCharacters += characters
    if (characters <= 0) return
    this.holding.add(stream)
    const isTooMuch = this.heldCharacters > this.settings.pendingBytesMax * HELD_SHARE
    const nowMs = performance.now()
    this.wakeAt(isTooMuch ? nowMs : nowMs + this.settings.joinWithinMs - this.stepMs)
  }

  closed(stream: Stream): void {
    this.streams.delete(stream)
    this.holding.delete(stream)
  }

  private parcelOf(sender: string | undefined): Parcel {
    const found = this.building.get(sender)
    if (found !== undefined) return found
    if (this.building.size >= SENDERS_MAX) for (const oldest of this.building.values()) return this.replace(oldest, sender)
    const made = new Parcel(sender, performance.now(), Date.now())
    this.building.set(sender, made)
    this.wakeAt(made.sinceMs + this.settings.delayMs)
    return made
  }

  private replace(oldest: Parcel, sender: string | undefined): Parcel {
    this.seal(oldest)
    return this.parcelOf(sender)
  }

  // One timer for whatever is due first.
  private wakeAt(atMs: number): void {
    if (this.timer !== undefined && this.wakesAtMs <= atMs) return
    clearTimeout(this.timer)
    this.wakesAtMs = atMs
    this.timer = setTimeout(() => this.wake(), Math.max(0, atMs - performance.now()))
  }

  private wake(): void {
    const { joinWithinMs, delayMs, pendingBytesMax } = this.settings
    this.timer = undefined
    const nowMs = performance.now()
    const isTooMuch = this.heldCharacters > pendingBytesMax * HELD_SHARE
    const idleSinceMs = isTooMuch ? nowMs : nowMs - joinWithinMs + this.stepMs
    let firstMs = Number.POSITIVE_INFINITY
    for (const stream of this.holding) {
      const sinceMs = stream.releaseIdle(idleSinceMs)
      if (sinceMs === Number.POSITIVE_INFINITY) this.holding.delete(stream)
      else firstMs = Math.min(firstMs, sinceMs)
    }
    if (this.holding.size > 0) this.wakeAt(Math.max(firstMs + joinWithinMs - this.stepMs, nowMs + this.stepMs))
    for (const parcel of this.building.values()) {
      if (parcel.sinceMs + delayMs > nowMs + 1) {
        this.wakeAt(parcel.sinceMs + delayMs)
        break
      }
      this.seal(parcel)
    }
  }

  private sealAll(): void {
    for (const parcel of this.building.values()) this.seal(parcel)
  }

  private seal(parcel: Parcel): void {
    this.building.delete(parcel.sender)
    this.pendingBytes -= parcel.bytes
    parcel.seal()
    this.pendingBytes += parcel.bytes
    this.sealed.push(parcel)
    this.pump()
  }

  private pump(): void {
    while (this.inFlight < IN_FLIGHT_MAX && this.started < this.sealed.length) void this.deliver(this.sealed[this.started++])
  }

  private async deliver(parcel: Parcel): Promise<void> {
    this.inFlight++
    await this.pushUntilTaken(parcel)
    this.inFlight--
    parcel.isSettled = true
    this.counts.settled(parcel)
    while (this.sealed.length > 0 && this.sealed[0].isSettled) {
      const first = this.sealed[0]
      this.sealed.shift()
      this.started--
      this.pendingBytes -= first.bytes
      first.conclude()
    }
    if (!this.isFull) for (const resolve of this.waitingForRoom.splice(0)) resolve()
    this.pump()
  }

  // Sources wait meanwhile, since what waits counts against their room.
  private async pushUntilTaken(parcel: Parcel): Promise<void> {
    const { batch } = parcel
    for (let waitMs = RETRY_FIRST_MS; batch !== null; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
      try {
        await this.push(batch)
        for (const wake of this.sleepers.splice(0)) wake()
        return
      } catch (error) {
        if (!(error instanceof RefusedError && error.retryable)) return this.lose(parcel, error)
        if (this.stoppedAtMs > 0 && performance.now() - this.stoppedAtMs >= STOP_RETRIES_MS) {
          parcel.lostBecause = 'stopped'
          return
        }
        await this.sleep(this.stoppedAtMs > 0 ? STOP_RETRY_MS : Math.min(error.retryAfterMs ?? waitMs, RETRY_MAX_MS))
      }
    }
  }

  private lose(parcel: Parcel, error: unknown): void {
    parcel.lostBecause = error instanceof RefusedError ? error.code : 'internal'
    if (!this.rarely.isDue(parcel.lostBecause)) return
    this.log.warn({ transport: this.counts.transport, records: parcel.items, error: messageOf(error) }, 'logs: records were not taken')
  }

  // Until then, or until another batch finds room, or the end comes.
  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.sleepers.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
