import { Committer } from './committer.ts'
import type { Disk } from './disk.ts'
import { eventOf, NO_BYTES, type QueueEvent, type QueueEventKind } from './event.ts'
import { type Group, HELD_OVERHEAD_BYTES, Pending } from './pending.ts'
import type { LaneEnd, Position } from './positions.ts'
import { Recent } from './recent.ts'
import { acceptedAtMsOf, encodeRecord, RECORD_HEADER_BYTES } from './record.ts'
import { openSegments, setAside } from './recovery.ts'
import { CHECKPOINT_BYTES_MAX, type Segment, segmentHeaderBytes } from './segment.ts'
import { Writer } from './writer.ts'

/** How much a checkpoint may grow from one segment to the next without that going over the cap. */
const CHECKPOINT_GROWTH_BYTES = 64

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
  /** Throws while nothing should be written. */
  ready(): Promise<void>
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
  /** Why records are kept in memory, when the disk refuses them. */
  degraded: string | null = null
  private readonly pending = new Pending()
  private segmentFill = 0
  private checkpointLength = 0
  private readonly writer: Writer | null = null
  private readonly committer: Committer | null = null
  private readonly waiters = new Set<() => void>()
  private readonly background = new Set<Promise<void>>()

  constructor(options: LogOptions) {
    this.options = options
    if (options.disk === null) return
    this.writer = new Writer(options.disk, options.dir, options.salt)
    this.committer = new Committer(this.writer, this.pending, this.recent, options.retryFirstMs, {
      ready: options.ready,
      written: (group, segment) => this.written(group, segment),
      failed: (failure) => this.failed(failure)
    })
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
    return this.segmentFill === 0 || this.isFull(size) ? size + segmentHeaderBytes(this.checkpointLength) + CHECKPOINT_GROWTH_BYTES : size
  }

  memoryCostOf(length: number): number {
    return RECORD_HEADER_BYTES + length + HELD_OVERHEAD_BYTES
  }

  /** Takes a record. Never fails; resolves when it is on disk, or at once while the disk refuses and memory has to do. */
  accept(parts: readonly Uint8Array[], length: number): Promise<void> {
    const nowMs = Date.now()
    const size = RECORD_HEADER_BYTES + length
    const startsSegment = this.isFull(size)
    const group = (startsSegment ? undefined : this.pending.open) ?? this.beginGroup(startsSegment, nowMs)
    const seq = this.nextSeq++
    this.recent.push({ seq, record: encodeRecord(seq, nowMs, parts, length, this.options.salt), segment: 0, offset: 0 })
    this.pending.add(group, size)
    this.segmentFill += size
    this.bytes += size
    if (this.writer === null || this.degraded !== null) {
      group.answer()
      this.show(this.nextSeq)
      if (this.positions.size === 0) this.release()
    }
    this.committer?.start()
    return group.durable
  }

  /** Memory taken by records that are not on disk. */
  get heldBytes(): number {
    return this.pending.heldBytes
  }

  /** The oldest record that is still here. */
  get firstSeq(): number {
    return this.segments[0]?.firstSeq ?? this.pending.first?.firstSeq ?? this.nextSeq
  }

  /** The owner's state as of just before record `seq`, where a segment or a group begins; else null. */
  checkpointAt(seq: number): Uint8Array | null {
    const place = this.segments.find((segment) => segment.firstSeq === seq) ?? this.pending.groups.find((group) => group.firstSeq === seq)
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
    return (this.segmentAt(seq) ?? this.pending.first)?.createdAtMs ?? Date.now()
  }

  /** The state to start from next time, or null while something is under way. */
  end(): LaneEnd | null {
    if (this.pending.first !== undefined) return null
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
    for (let group = this.pending.first; group !== undefined && this.canDrop(group) && group.endSeq <= head; group = this.pending.first) {
      this.removeGroup()
    }
    this.trim(head)
  }

  /** Ends a newest segment that everybody has read to its end, if it has so many bytes, so that it can go. */
  sealRead(bytesMin: number): void {
    if (this.pending.first !== undefined || (this.writer?.active?.bytes ?? 0) < bytesMin) return
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
      if (inMemory || (oldest === this.writer?.active && this.pending.first !== undefined)) return false
      if (oldest === this.writer?.active) void this.writer.seal()
      if (this.segments.length === 1 && this.pending.first === undefined) this.segmentFill = 0
      bytes = oldest.bytes
      this.removeSegment()
    } else {
      const group = this.pending.first
      if (group === undefined || !this.canDrop(group)) return false
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
    if (disk !== null && from >= 0) this.inBackground(setAside(disk, dir, segment, from, to))
  }

  tell(kind: QueueEventKind, records: number, bytes: number, message: string): void {
    this.options.onEvent(eventOf(kind, this.options.name, message, records, bytes))
  }

  /** Resolves when nothing is touched on the disk any more, but by what comes after. */
  async settled(): Promise<void> {
    await Promise.all(this.background)
  }

  /** Writes what is under way, with one last try where the disk refuses. */
  async close(): Promise<void> {
    await this.committer?.close()
    const records = this.nextSeq - (this.pending.first?.firstSeq ?? this.nextSeq)
    if (records > 0 && this.writer !== null)
      this.tell('lost', records, this.pending.bytes, 'records were in memory alone when the queue closed')
    await this.writer?.seal()
    this.wake()
  }

  /** Memory is all that has this group, and nobody is writing it. */
  private canDrop(group: Group): boolean {
    return this.isInMemory && !group.isWriting
  }

  private get isInMemory(): boolean {
    return this.writer === null || this.degraded !== null
  }

  private isFull(size: number): boolean {
    return this.segmentFill > 0 && this.segmentFill + size > this.options.segmentBytes
  }

  private beginGroup(startsSegment: boolean, nowMs: number): Group {
    if (startsSegment) this.segmentFill = 0
    const checkpoint = this.checkpoint()
    const headerBytes = this.segmentFill === 0 ? segmentHeaderBytes(checkpoint.length) : 0
    this.bytes += headerBytes
    return this.pending.begin(this.nextSeq, startsSegment, headerBytes, nowMs, checkpoint)
  }

  private checkpoint(): Uint8Array {
    const checkpoint = this.options.checkpoint()
    if (checkpoint.length > CHECKPOINT_BYTES_MAX)
      throw new Error(`a checkpoint has ${checkpoint.length} bytes, at most ${CHECKPOINT_BYTES_MAX} may be`)
    this.checkpointLength = checkpoint.length
    return checkpoint
  }

  private written(group: Group, segment: Segment): void {
    if (this.segments.at(-1) !== segment) {
      this.segments.push(segment)
      this.bytes += segment.start
    }
    this.bytes -= this.pending.shift().headerBytes
    if (this.degraded !== null) {
      this.degraded = null
      this.tell('recovered', 0, 0, 'the disk takes records again')
    }
    group.answer()
    this.show(group.endSeq)
    this.release()
  }

  private failed(failure: unknown): void {
    const message = failure instanceof Error ? failure.message : String(failure)
    if (this.degraded === null) this.tell('degraded', 0, 0, `records are kept in memory: ${message}`)
    this.degraded = message
    for (const group of this.pending.groups) group.answer()
    this.show(this.nextSeq)
  }

  private show(seq: number): void {
    if (seq <= this.visibleSeq) return
    this.visibleSeq = seq
    this.wake()
  }

  private removeSegment(): void {
    const segment = this.segments.shift() as Segment
    this.bytes -= segment.bytes
    const { disk } = this.options
    if (disk === null) return
    // One that cannot be removed now is found and removed at the next start.
    const refused = (error: Error): void => this.tell('unreadable', 0, segment.bytes, `cannot remove: ${error.message}`)
    this.inBackground(disk.remove(segment.path).catch(refused))
  }

  /** What nobody waits for, but the end. */
  private inBackground(work: Promise<void>): void {
    this.background.add(work)
    void work.finally(() => this.background.delete(work))
  }

  private removeGroup(): void {
    const { bytes, headerBytes } = this.pending.shift()
    this.bytes -= bytes + headerBytes
    if (this.pending.first === undefined) this.segmentFill = 0
  }

  /** Lets go of records in memory that are on disk or gone, but for a window that some reader has still to read. */
  private trim(head: number): void {
    const end = this.pending.first?.firstSeq ?? this.nextSeq
    while (
      this.recent.firstSeq < end &&
      (this.recent.firstSeq < head || this.recent.bytes - this.pending.bytes > this.options.windowBytes)
    ) {
      this.recent.shift()
    }
  }
}
