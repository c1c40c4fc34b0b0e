import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Disk } from './disk.ts'
import { eventOf, NO_BYTES, type QueueEvent, type QueueEventKind } from './event.ts'
import type { LaneEnd, Position } from './positions.ts'
import { Recent } from './recent.ts'
import { acceptedAtMsOf, encodeRecord, RECORD_HEADER_BYTES } from './record.ts'
import { openSegments, setAside } from './recovery.ts'
import { CHECKPOINT_BYTES_MAX, type Segment } from './segment.ts'
import { type Group, Writer } from './writer.ts'

/** Memory that a record in memory takes beside its bytes, estimated high. */
const HELD_OVERHEAD_BYTES = 256
const WRITE_TRIES = 2
const RETRY_MAX_MS = 30_000

export interface LogOptions {
  readonly name: string
  readonly dir: string
  /** Null keeps all in memory. */
  readonly disk: Disk | null
  readonly salt: number
  readonly segmentBytes: number
  /** Records that are on disk and also stay in memory, for readers that keep up. */
  readonly windowBytes: number
  readonly retryFirstMs: number
  checkpoint(): Uint8Array
  onEvent(event: QueueEvent): void
}

/** The records of one lane, oldest first: segments on disk, then groups on their way there. It takes no decision about room; the queue does. */
export class Log {
  readonly options: LogOptions
  segments: Segment[] = []
  readonly recent = new Recent()
  /** Every reader, opened in this run or not; none of them loses a record that it has not had. */
  readonly positions = new Set<Position>()
  /** False when it is known that there is no reader, so that nothing needs to be kept. */
  holdsUnread = true
  /** The next record's. */
  nextSeq = 1
  /** Readers may have what is before. */
  visibleSeq = 1
  /** What is before this is covered by a stored lane end. */
  storedEnd = 0
  /** Of all segments and groups. */
  bytes = 0
  /** Memory taken by records that are not on disk. */
  heldBytes = 0
  /** Why records are kept in memory, when the disk refuses them. */
  degraded: string | null = null
  private readonly groups: Group[] = []
  private groupBytes = 0
  private segmentFill = 0
  private checkpointLength = 0
  private readonly writer: Writer | null
  private running: Promise<void> | null = null
  private endRetryWait: (() => void) | null = null
  private isClosing = false
  private readonly waiters = new Set<() => void>()

  constructor(options: LogOptions) {
    this.options = options
    this.writer = options.disk === null ? null : new Writer(options.disk, options.dir, options.salt)
  }

  /** Takes up what is on disk. `recover` gets the newest state of the owner that is known, and what it returns gets each record after that. */
  async open(end: LaneEnd | undefined, recover: (checkpoint: Uint8Array) => (payload: Uint8Array) => void): Promise<void> {
    const { name, dir, disk, salt, onEvent } = this.options
    this.storedEnd = end?.seq ?? 0
    let seq = end?.seq ?? 1
    let number = end?.segment ?? 0
    for (const position of this.positions) {
      // Records that were delivered from memory alone leave a cursor past what the disk has; their sequences are not given out again.
      seq = Math.max(seq, position.seq)
      number = Math.max(number, position.segment)
    }
    if (disk === null || this.writer === null) {
      recover(end?.checkpoint ?? NO_BYTES)
    } else {
      const opened = await openSegments({ name, dir, disk, salt, end, recover, onEvent })
      this.segments = opened.segments
      seq = Math.max(seq, opened.nextSeq)
      const last = this.segments.at(-1)
      if (last !== undefined) last.endSeq = seq
      this.writer.nextNumber = Math.max(number, opened.lastNumber) + 1
    }
    this.nextSeq = seq
    this.visibleSeq = seq
    for (const segment of this.segments) this.bytes += segment.bytes
  }

  /** What a record of so many payload bytes adds to `bytes`. */
  costOf(length: number): number {
    const size = RECORD_HEADER_BYTES + length
    return this.segmentFill === 0 || this.isFull(size) ? size + this.checkpointLength + 64 : size
  }

  memoryCostOf(length: number): number {
    return RECORD_HEADER_BYTES + length + HELD_OVERHEAD_BYTES
  }

  /** Takes a record. Never fails; resolves when it is on disk, or at once while the disk refuses and memory has to do. */
  accept(parts: readonly Uint8Array[], length: number): Promise<void> {
    const nowMs = Date.now()
    const size = RECORD_HEADER_BYTES + length
    let group = this.groups.at(-1)
    const startsSegment = this.isFull(size)
    if (group === undefined || group.isWriting || startsSegment) group = this.beginGroup(startsSegment, nowMs)
    const seq = this.nextSeq++
    this.recent.push({ seq, record: encodeRecord(seq, nowMs, parts, length, this.options.salt), segment: 0, offset: 0 })
    group.endSeq = this.nextSeq
    group.bytes += size
    this.groupBytes += size
    this.segmentFill += size
    this.bytes += size
    this.heldBytes += size + HELD_OVERHEAD_BYTES
    if (this.writer === null || this.degraded !== null) {
      group.answer()
      this.show(this.nextSeq)
      if (this.positions.size === 0) this.release()
    }
    if (this.writer !== null) this.running ??= this.run(this.writer)
    return group.durable
  }

  /** The oldest record that is still here. */
  get firstSeq(): number {
    return this.segments[0]?.firstSeq ?? this.groups[0]?.firstSeq ?? this.nextSeq
  }

  /** The owner's state as of just before record `seq`, where a segment or a group begins; else null. */
  checkpointAt(seq: number): Uint8Array | null {
    const place = this.segments.find((segment) => segment.firstSeq === seq) ?? this.groups.find((group) => group.firstSeq === seq)
    if (place !== undefined) return place.checkpoint
    return seq === this.nextSeq ? this.options.checkpoint() : null
  }

  /** The segment that `seq` is in, or the first one after it. */
  segmentAt(seq: number): Segment | undefined {
    return this.segments.find((segment) => segment.endSeq > seq)
  }

  /** When record `seq` was accepted, or somewhat earlier: as exactly as memory knows. */
  acceptedAtMs(seq: number): number {
    const held = this.recent.get(seq)
    if (held !== undefined) return acceptedAtMsOf(held.record, 0)
    return (this.segmentAt(seq) ?? this.groups[0])?.createdAtMs ?? Date.now()
  }

  /** The state to start from next time, or null while something is under way. */
  end(): LaneEnd | null {
    if (this.groups.length > 0) return null
    const last = this.segments.at(-1)
    return { seq: this.nextSeq, segment: last?.number ?? 0, offset: last?.bytes ?? 0, checkpoint: this.checkpoint() }
  }

  /** Resolves when there may be something new to read, or `stop` says so. */
  changed(stop: AbortSignal): Promise<void> {
    if (stop.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiters.delete(done)
        stop.removeEventListener('abort', done)
        resolve()
      }
      this.waiters.add(done)
      stop.addEventListener('abort', done, { once: true })
    })
  }

  wake(): void {
    for (const done of this.waiters) done()
  }

  /** Lets go of what every reader has had: files when that is durable, memory at once. */
  release(): void {
    let head = this.positions.size === 0 && this.holdsUnread ? 0 : Infinity
    let persisted = head
    for (const position of this.positions) {
      head = Math.min(head, position.headSeq)
      persisted = Math.min(persisted, position.persistedSeq)
    }
    while (this.segments.length > 0 && this.segments[0] !== this.writer?.active && this.segments[0].endSeq <= persisted) {
      // The newest segment holds the owner's state; it goes when that is stored elsewhere.
      if (this.segments.length === 1 && this.storedEnd < this.segments[0].endSeq) break
      this.removeSegment()
    }
    while (this.groups.length > 0 && this.isInMemory && !this.groups[0].isWriting && this.groups[0].endSeq <= head) this.removeGroup()
    this.trim(head)
  }

  /** Ends a newest segment that everybody has read to its end, if it has so many bytes, so that it can go. */
  sealRead(bytesMin: number): void {
    if (this.groups.length > 0 || (this.writer?.active?.bytes ?? 0) < bytesMin) return
    for (const position of this.positions) if (position.persistedSeq < this.nextSeq) return
    this.segmentFill = 0
    void this.writer?.seal()
  }

  /** Gives up the oldest segment, or with `inMemory` the oldest group that is in memory alone. False when there is none that can go. */
  evictOldest(inMemory: boolean): boolean {
    const oldest = this.segments[0]
    const before = this.firstSeq
    let bytes = 0
    if (oldest !== undefined) {
      if (inMemory || (oldest === this.writer?.active && this.groups.length > 0)) return false
      if (oldest === this.writer?.active) void this.writer.seal()
      if (this.segments.length === 1 && this.groups.length === 0) this.segmentFill = 0
      bytes = oldest.bytes
      this.removeSegment()
    } else {
      const group = this.groups[0]
      if (group === undefined || group.isWriting || !this.isInMemory) return false
      bytes = group.bytes
      this.removeGroup()
    }
    let records = 0
    for (const position of this.positions) {
      if (position.headSeq >= this.firstSeq) continue
      records = Math.max(records, this.firstSeq - position.headSeq)
      position.headSeq = this.firstSeq
      position.starts = 0
      position.evicted?.()
    }
    this.trim(this.firstSeq)
    if (this.positions.size === 0) records = this.firstSeq - before
    if (records > 0) {
      const event = eventOf('evicted', this.options.name, 'the oldest records gave way to newer ones', records, bytes)
      this.options.onEvent({ ...event, checkpoint: this.checkpointAt(this.firstSeq) ?? NO_BYTES })
    }
    return true
  }

  /** Tells of records that could not be read (from -1: that lie before the segment), once, and keeps a copy of the bytes for a person to look at. */
  damaged(segment: Segment, from: number, to: number, records: number): void {
    if (segment.damage.has(from)) return
    segment.damage.add(from)
    const where = from < 0 ? `before ${segment.path} are missing` : `in ${segment.path} at byte ${from} cannot be read`
    this.tell('damaged', records, from < 0 ? 0 : to - from, `${records} records ${where}`)
    const { disk, dir } = this.options
    if (disk !== null && from >= 0) void setAside(disk, dir, segment, from, to)
  }

  tell(kind: QueueEventKind, records: number, bytes: number, message: string): void {
    this.options.onEvent(eventOf(kind, this.options.name, message, records, bytes))
  }

  /** Writes what is under way, with one last try where the disk refuses. */
  async close(): Promise<void> {
    this.isClosing = true
    this.endRetryWait?.()
    await this.running
    const records = this.nextSeq - (this.groups[0]?.firstSeq ?? this.nextSeq)
    if (records > 0 && this.writer !== null)
      this.tell('lost', records, this.groupBytes, 'records were in memory alone when the queue closed')
    await this.writer?.seal()
    this.wake()
  }

  private get isInMemory(): boolean {
    return this.writer === null || this.degraded !== null
  }

  private isFull(size: number): boolean {
    return this.segmentFill > 0 && this.segmentFill + size > this.options.segmentBytes
  }

  private checkpoint(): Uint8Array {
    const checkpoint = this.options.checkpoint()
    if (checkpoint.length > CHECKPOINT_BYTES_MAX)
      throw new Error(`a checkpoint has ${checkpoint.length} bytes, at most ${CHECKPOINT_BYTES_MAX} may be`)
    this.checkpointLength = checkpoint.length
    return checkpoint
  }

  private beginGroup(startsSegment: boolean, createdAtMs: number): Group {
    if (startsSegment) this.segmentFill = 0
    const { promise: durable, resolve: answer } = Promise.withResolvers<void>()
    const seq = this.nextSeq
    const checkpoint = this.checkpoint()
    const group = { firstSeq: seq, endSeq: seq, bytes: 0, startsSegment, checkpoint, createdAtMs, isWriting: false, durable, answer }
    this.groups.push(group)
    return group
  }

  /** Writes group after group until there is none. While the disk refuses it waits longer and longer between tries. */
  private async run(writer: Writer): Promise<void> {
    // What else arrives in this turn of the event loop shares the write.
    await nextTurn()
    let waitMs = this.options.retryFirstMs
    while (this.groups.length > 0) {
      const failure = await this.write(writer, this.groups[0])
      if (failure === null) {
        waitMs = this.options.retryFirstMs
      } else {
        this.degrade(failure)
        if (this.isClosing) break
        await this.retryWait(waitMs)
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)
      }
    }
    this.running = null
  }

  private async write(writer: Writer, group: Group): Promise<unknown> {
    group.isWriting = true
    const records = Array.from({ length: group.endSeq - group.firstSeq }, (_, at) => this.recent.get(group.firstSeq + at)!)
    let failure: unknown = null
    for (let tries = 0; tries < WRITE_TRIES; tries++) {
      try {
        this.written(group, await writer.write(group, records))
        return null
      } catch (error) {
        failure = error
        await writer.abandon()
      }
    }
    group.isWriting = false
    return failure
  }

  private written(group: Group, segment: Segment): void {
    if (this.segments.at(-1) !== segment) {
      this.segments.push(segment)
      this.bytes += segment.start
    }
    this.forget()
    if (this.degraded !== null) {
      this.degraded = null
      this.tell('recovered', 0, 0, 'the disk takes records again')
    }
    group.answer()
    this.show(group.endSeq)
    this.release()
  }

  private degrade(failure: unknown): void {
    const message = failure instanceof Error ? failure.message : String(failure)
    if (this.degraded === null) this.tell('degraded', 0, 0, `records are kept in memory: ${message}`)
    this.degraded = message
    for (const group of this.groups) group.answer()
    this.show(this.nextSeq)
  }

  private retryWait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.endRetryWait?.(), ms).unref()
      this.endRetryWait = () => {
        clearTimeout(timer)
        this.endRetryWait = null
        resolve()
      }
    })
  }

  private show(seq: number): void {
    if (seq <= this.visibleSeq) return
    this.visibleSeq = seq
    this.wake()
  }

  private removeSegment(): void {
    const segment = this.segments.shift() as Segment
    this.bytes -= segment.bytes
    // One that cannot be removed now is found and removed at the next start.
    void this.options.disk
      ?.remove(segment.path)
      .catch((error) => this.tell('unreadable', 0, segment.bytes, `cannot remove: ${error.message}`))
  }

  private removeGroup(): void {
    this.bytes -= this.groups[0].bytes
    this.forget()
    if (this.groups.length === 0) this.segmentFill = 0
  }

  /** The oldest group is no longer the log's to keep in memory. */
  private forget(): void {
    const group = this.groups.shift() as Group
    this.groupBytes -= group.bytes
    this.heldBytes -= group.bytes + (group.endSeq - group.firstSeq) * HELD_OVERHEAD_BYTES
  }

  /** Lets go of records in memory that are on disk or gone, but for a window that some reader has still to read. */
  private trim(head: number): void {
    const end = this.groups[0]?.firstSeq ?? this.nextSeq
    while (this.recent.firstSeq < end && (this.recent.firstSeq < head || this.recent.bytes - this.groupBytes > this.options.windowBytes)) {
      this.recent.shift()
    }
  }
}
