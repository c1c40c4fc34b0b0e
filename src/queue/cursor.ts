import type { DeadLetters } from './dead-letters.ts'
import type { Log } from './log.ts'
import type { Position, Positions } from './positions.ts'
import { type Entry, LogReader, type Loss } from './reader.ts'

/** One reader's way through one lane. Delivers every record at least once and in order, and says where something is missing. */
export class Cursor {
  readonly lane: string
  readonly reader: string
  private readonly log: Log
  private readonly positions: Positions
  private readonly position: Position
  private readonly deadLetters: DeadLetters
  private readonly source: LogReader
  /** Read and not acknowledged, oldest first. */
  private ahead: Entry[] = []
  private aheadBytes = 0
  /** What is read next, and where it is on disk. */
  private readSeq: number
  private readSegment: number
  private readOffset: number
  /** Why records between what was read and what is read next are missing, if any are. */
  private gap: Loss | null = null
  /** Changes when the head moves under a read. */
  private epoch = 0
  private isStarted = false
  private peeking: Promise<unknown> | null = null
  private isClosed = false

  constructor(log: Log, deadLetters: DeadLetters, positions: Positions, position: Position) {
    this.lane = position.lane
    this.reader = position.reader
    this.log = log
    this.deadLetters = deadLetters
    this.positions = positions
    this.position = position
    this.source = new LogReader(log)
    this.readSeq = position.seq
    this.readSegment = position.segment
    this.readOffset = position.offset
    position.evicted = () => this.skip()
    // Evicted before this process began, when the jump was not stored any more.
    position.headSeq = Math.max(position.headSeq, log.firstSeq)
    if (position.headSeq > position.seq) this.skip()
  }

  /** The owner's state as of the last acknowledgement. */
  get state(): Uint8Array {
    return this.position.state
  }

  /** How many starts found this same record at the head and have not survived it, this one included. 0 once it was survived, or acknowledged. */
  get starts(): number {
    return this.position.starts
  }

  /**
   * The records at the head, at least one and together at most `bytesMax` of payload; waits while there is none. The same ones again until they
   * are acknowledged. A single record as long as `starts` is not 0, so that one that brings the process down is found. Null when stopped.
   */
  async peek(bytesMax: number, stop: AbortSignal): Promise<Entry[] | null> {
    if (this.peeking !== null) throw new Error(`${this.lane}: ${this.reader} peeks twice at once`)
    const peeking = this.next(bytesMax, stop)
    this.peeking = peeking
    try {
      return await peeking
    } finally {
      this.peeking = null
    }
  }

  /** All records up to and with this one are handled. `state` is stored together with the place, soon; see `persisted`. */
  ack(entry: Entry, state: Uint8Array): void {
    const { position } = this
    if (entry.seq < position.seq) throw new Error(`${this.lane}: ${this.reader} acknowledged record ${entry.seq} twice`)
    position.seq = entry.seq + 1
    position.segment = entry.segment
    position.offset = entry.end
    position.state = state
    position.starts = 0
    this.isStarted = true
    this.forget(position.seq)
    this.moveHead()
    this.positions.touch()
    this.log.release()
  }

  /** The head did not bring the process down: what ends it from here on is not held against that record. */
  survived(): void {
    if (this.position.starts === 0) return
    this.position.starts = 0
    this.positions.touch()
  }

  /** Resolves when all that was acknowledged until now is durable. While the disk refuses, it resolves without that. */
  persisted(): Promise<void> {
    return this.positions.persist()
  }

  /** Sets a record, or what the owner makes of it, aside for good, `header` before it. To be acknowledged after. Never fails. */
  deadLetter(payload: Uint8Array, header: Uint8Array): Promise<void> {
    return this.deadLetters.add([header, payload])
  }

  /** Ends a peek that waits, and gives up the file that it reads. A start that ends so is not held against the record at the head. */
  async close(): Promise<void> {
    this.isClosed = true
    if (this.isStarted && this.position.starts > 0) this.position.starts--
    this.isStarted = false
    this.position.evicted = null
    this.log.wake()
    this.source.endWait()
    await this.peeking
    await this.source.close()
  }

  private async next(bytesMax: number, stop: AbortSignal): Promise<Entry[] | null> {
    while (!stop.aborted && !this.isClosed) {
      await this.fill(bytesMax, stop)
      if (this.isClosed) break
      if (this.ahead.length === 0) {
        if (this.readSeq < this.log.visibleSeq) continue
        void this.source.close()
        await this.log.changed(stop)
      } else if (!this.isStarted) {
        this.isStarted = true
        this.position.starts++
        await this.positions.persist()
      } else if (!stop.aborted) {
        return this.head(bytesMax)
      }
    }
    return null
  }

  private async fill(bytesMax: number, stop: AbortSignal): Promise<void> {
    while (this.readSeq < this.log.visibleSeq && !stop.aborted && !this.isClosed) {
      if (this.ahead.length > 0 && (this.aheadBytes >= bytesMax || this.position.starts > 0)) return
      const epoch = this.epoch
      const { entries, gap, nextSeq } = await this.source.read(this.readSeq, this.readSegment, this.readOffset, stop)
      if (epoch !== this.epoch) continue
      for (const entry of entries) {
        entry.skipped = this.gap ?? entry.skipped
        this.gap = null
        this.ahead.push(entry)
        this.aheadBytes += entry.payload.length
        this.readSegment = entry.segment
        this.readOffset = entry.end
      }
      this.readSeq = nextSeq
      this.gap ??= gap
      this.moveHead()
    }
  }

  private head(bytesMax: number): Entry[] {
    let count = 1
    for (let bytes = this.ahead[0].payload.length; this.position.starts === 0 && count < this.ahead.length; count++) {
      bytes += this.ahead[count].payload.length
      if (bytes > bytesMax) break
    }
    return this.ahead.slice(0, count)
  }

  /** Goes on from `headSeq`, where an eviction has put it. */
  private skip(): void {
    const { headSeq } = this.position
    this.epoch++
    this.forget(headSeq)
    if (this.readSeq < headSeq) {
      this.readSeq = headSeq
      this.readSegment = 0
    }
    if (this.ahead.length > 0) this.ahead[0].skipped = 'evicted'
    else this.gap = 'evicted'
  }

  /** What is missing does not wait to be read, though it is told of only with the record after it. */
  private moveHead(): void {
    this.position.headSeq = Math.max(this.position.headSeq, this.ahead[0]?.seq ?? this.readSeq)
  }

  private forget(seq: number): void {
    let count = 0
    while (count < this.ahead.length && this.ahead[count].seq < seq) this.aheadBytes -= this.ahead[count++].payload.length
    if (count > 0) this.ahead = this.ahead.slice(count)
  }
}
