import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { Cursor } from './cursor.ts'
import { DeadLetters } from './dead-letters.ts'
import { nodeDisk } from './disk.ts'
import { eventOf, NO_BYTES, QueueFullError } from './event.ts'
import { type Lock, takeDirectory } from './lock.ts'
import { Log } from './log.ts'
import type { LaneState, QueueOptions, QueueState } from './options.ts'
import { Positions } from './positions.ts'
import { findSalt } from './recovery.ts'

export type { Cursor } from './cursor.ts'
export type { Disk, DiskFile } from './disk.ts'
export type { QueueEvent } from './event.ts'
export { QueueFullError } from './event.ts'
export type { LaneState, QueueOptions, QueueState } from './options.ts'
export type { Entry } from './reader.ts'

interface Lane {
  readonly name: string
  readonly priority: number
  readonly log: Log
  readonly deadLetters: DeadLetters
  readonly cursors: Map<string, Cursor>
}

/** A newest segment that is at least so full is ended when all of it is read; a smaller one is only ended when room is short. */
const SEALED_SHARE = 0.25
const WINDOW_BYTES_MAX = 2 ** 20
const clamp = (value: number, min: number, max: number): number => Math.max(min, Math.min(max, Math.floor(value)))

/**
 * Durable lanes of opaque records, each read by any number of readers at their own pace. Under `dir`: `lock` and `owner` (lock.ts), `cursors.a`
 * and `cursors.b` (positions.ts), and for each lane a directory of segments (segment.ts) with `dead/`, of the same format, and `aside/`, copies of
 * what was found damaged.
 */
export class Queue {
  private readonly options: QueueOptions
  private readonly bytesMax: number
  private readonly positions: Positions
  private readonly isLost: boolean
  private readonly lock: Lock | null
  /** Lowest priority first. */
  private readonly lanes: readonly Lane[]
  private readonly byName: ReadonlyMap<string, Lane>
  private positionsFailure: string | null = null
  private isClosed = false

  private constructor(options: QueueOptions, positions: Positions, isLost: boolean, lock: Lock | null, lanes: readonly Lane[]) {
    this.options = options
    this.bytesMax = options.dir === undefined ? Math.min(options.bytesMax, options.memoryBytesMax) : options.bytesMax
    this.positions = positions
    this.isLost = isLost
    this.lock = lock
    this.lanes = lanes
    this.byName = new Map(lanes.map((lane) => [lane.name, lane]))
  }

  /** Throws when the directory cannot be used: another process has it, it is not ours to write, or a later version wrote it. */
  static async open(options: QueueOptions): Promise<Queue> {
    const { dir, memoryBytesMax, onEvent, retryFirstMs = 250 } = options
    const disk = dir === undefined ? null : (options.disk ?? nodeDisk)
    const root = dir ?? ''
    const lock = disk === null ? null : await takeDirectory(disk, root, onEvent)
    try {
      const { positions, isLost } = await Positions.open(disk, root, retryFirstMs)
      const hadRecords = isLost && disk !== null && (await findSalt(disk, root, options.lanes, positions))
      if (positions.salt === 0) positions.salt = randomInt(1, 2 ** 32)
      if (hadRecords) onEvent(eventOf('cursors-lost', '', `no list of cursors in ${root} can be read`))
      const segmentBytes = Math.min(options.segmentBytes ?? clamp(options.bytesMax / 16, 2 ** 16, 2 ** 24), options.bytesMax / 4)
      const deadLetterBytesMax = options.deadLetterBytesMax ?? segmentBytes
      const common = { disk, salt: positions.salt, retryFirstMs, ready: () => positions.findRoom() }
      const lanes = options.lanes.map(({ name, priority }): Lane => {
        if (!/^[a-z][a-z0-9_-]*$/.test(name)) throw new Error(`a lane is named ${name}, expected letters a to z, digits, - and _`)
        const windowBytes = clamp(memoryBytesMax / 16, 0, WINDOW_BYTES_MAX)
        const checkpoint = (): Uint8Array => options.checkpoint(name)
        const log = new Log({ ...common, name, dir: join(root, name), segmentBytes, windowBytes, checkpoint, onEvent })
        for (const position of positions.rows.values()) if (position.lane === name) log.positions.add(position)
        const dead = new Log({
          ...common,
          name,
          dir: join(root, name, 'dead'),
          segmentBytes: clamp(deadLetterBytesMax / 8, 2 ** 12, 2 ** 24),
          windowBytes: 0,
          checkpoint: () => NO_BYTES,
          onEvent: (event) => onEvent(event.kind === 'evicted' ? { ...event, kind: 'dead-letters-dropped' } : event)
        })
        return { name, priority, log, deadLetters: new DeadLetters(dead, deadLetterBytesMax, memoryBytesMax / 8), cursors: new Map() }
      })
      for (const { name, log, deadLetters } of lanes) {
        await log.open(positions.lanes.get(name), (checkpoint) => options.recover(name, checkpoint))
        await deadLetters.open()
      }
      lanes.sort((a, b) => a.priority - b.priority)
      const queue = new Queue(options, positions, hadRecords, lock, lanes)
      queue.attach()
      return queue
    } catch (error) {
      lock?.release()
      throw error
    }
  }

  /** Whether a record of so many bytes would be accepted now, in the lane or, without one, where most is given way for. */
  fits(bytes: number, lane?: string): boolean {
    const { log, priority } = lane === undefined ? this.lanes[this.lanes.length - 1] : this.lane(lane)
    if (this.isClosed || this.neverFits(log, bytes)) return false
    if (this.refusal(log, bytes) === null) return true
    this.reclaim()
    if (this.refusal(log, bytes) === null) return true
    return this.options.whenFull === 'evict' && this.lanes.some((other) => other.priority <= priority && other.log.bytes > 0)
  }

  /**
   * Accepts a record, its parts back to back, or throws QueueFullError at once. Records are in the order of the calls. What is returned never
   * rejects: it resolves when the record is on disk, or, while the disk refuses, at once, the record being in bounded memory.
   */
  append(lane: string, payload: readonly Uint8Array[]): Promise<void> {
    const { log, priority } = this.lane(lane)
    let length = 0
    for (const part of payload) length += part.length
    if (this.isClosed) throw new QueueFullError('closed', 'the queue is closed')
    if (this.neverFits(log, length)) throw new QueueFullError('record', `a record of ${length} bytes is more than the queue may hold`)
    let refusal = this.refusal(log, length)
    if (refusal !== null) {
      this.reclaim()
      refusal = this.refusal(log, length)
      while (refusal !== null && this.options.whenFull === 'evict' && this.evict(priority, refusal.reason === 'memory')) {
        refusal = this.refusal(log, length)
      }
      if (refusal !== null) throw refusal
    }
    return log.accept(payload, length)
  }

  /**
   * The reader's cursor, going on where it was; the same object as long as the queue is open. A reader that was not there before begins at the end
   * of the lane with `initialState`; where all cursors were lost it begins at the oldest record.
   */
  async cursor(lane: string, reader: string, initialState: Uint8Array): Promise<Cursor> {
    const { log, deadLetters, cursors } = this.lane(lane)
    const known = cursors.get(reader)
    if (known !== undefined) return known
    let position = this.positions.get(lane, reader)
    if (position === undefined) {
      const seq = this.isLost ? log.firstSeq : log.nextSeq
      position = {
        lane,
        reader,
        seq,
        segment: 0,
        offset: 0,
        state: initialState,
        starts: 0,
        persistedSeq: seq,
        headSeq: seq,
        evicted: null
      }
      this.positions.add(position)
      log.positions.add(position)
    }
    const cursor = new Cursor(log, deadLetters, this.positions, position)
    cursors.set(reader, cursor)
    await this.positions.persist()
    return cursor
  }

  /**
   * Forgets readers that are not among `keep`, so that they hold nothing back, and returns them with their last state. From now on a lane that is not
   * among them keeps nothing.
   */
  async keepCursors(
    keep: readonly { readonly lane: string; readonly reader: string }[]
  ): Promise<{ lane: string; reader: string; state: Uint8Array }[]> {
    const kept = new Set(keep.map(({ lane, reader }) => `${lane}\0${reader}`))
    const removed = [...this.positions.rows.values()].filter(({ lane, reader }) => !kept.has(`${lane}\0${reader}`))
    for (const position of removed) {
      const lane = this.byName.get(position.lane)
      await lane?.cursors.get(position.reader)?.close()
      lane?.cursors.delete(position.reader)
      lane?.log.positions.delete(position)
      this.positions.remove(position)
    }
    for (const { name, log } of this.lanes) log.holdsUnread = keep.some(({ lane }) => lane === name)
    await this.positions.persist()
    for (const { log } of this.lanes) log.release()
    return removed.map(({ lane, reader, state }) => ({ lane, reader, state }))
  }

  state(): QueueState {
    const nowMs = Date.now()
    const lanes = this.lanes.map(({ name, log, deadLetters }): LaneState => {
      let oldestMs = 0
      const readers = Array.from(log.positions, ({ reader, headSeq, starts }) => {
        if (headSeq < log.nextSeq) oldestMs = Math.max(oldestMs, nowMs - log.acceptedAtMs(headSeq))
        return { reader, records: log.nextSeq - headSeq, starts }
      })
      return { name, bytes: log.bytes, deadLetterBytes: deadLetters.bytes, oldestMs, readers }
    })
    return {
      bytes: this.bytes,
      bytesMax: this.bytesMax,
      memoryBytes: this.heldBytes,
      memoryBytesMax: this.options.memoryBytesMax,
      degraded: this.lanes.find(({ log }) => log.degraded !== null)?.log.degraded ?? this.positionsFailure,
      oldestMs: Math.max(0, ...lanes.map((lane) => lane.oldestMs)),
      lanes
    }
  }

  /** Shows the dead letters of a lane that are on disk, oldest first: the header given with each, and the payload, back to back. */
  deadLetters(lane: string, visit: (letter: Uint8Array) => void): Promise<void> {
    return this.lane(lane).deadLetters.forEach(visit)
  }

  /** Accepts nothing more, makes durable what is under way and where the readers are, and gives up the directory. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    for (const { cursors } of this.lanes) await Promise.all(Array.from(cursors.values(), (cursor) => cursor.close()))
    await Promise.all(this.lanes.flatMap(({ log, deadLetters }) => [log.close(), deadLetters.close()]))
    await this.positions.close()
    await Promise.all(this.lanes.flatMap(({ log, deadLetters }) => [log.settled(), deadLetters.settled()]))
    this.lock?.release()
  }

  private attach(): void {
    this.positions.attach({
      beforeWrite: () => {
        for (const { name, log } of this.lanes) {
          const end = log.end()
          if (end !== null) this.positions.lanes.set(name, end)
        }
      },
      written: () => {
        for (const { name, log } of this.lanes) {
          log.storedEnd = this.positions.lanes.get(name)?.seq ?? 0
          log.sealRead(log.options.segmentBytes * SEALED_SHARE)
          log.release()
        }
      },
      failed: (error) => {
        const message = error === null ? 'cursors are stored again' : `cursors are not stored: ${(error as Error).message}`
        if (error === null || this.positionsFailure === null) {
          this.options.onEvent(eventOf(error === null ? 'recovered' : 'degraded', '', message))
        }
        this.positionsFailure = error === null ? null : message
      }
    })
  }

  private lane(name: string): Lane {
    const lane = this.byName.get(name)
    if (lane === undefined) throw new Error(`there is no lane ${name}`)
    return lane
  }

  private get bytes(): number {
    let bytes = 0
    for (const { log } of this.lanes) bytes += log.bytes
    return bytes
  }

  private get heldBytes(): number {
    let bytes = 0
    for (const { log } of this.lanes) bytes += log.heldBytes
    return bytes
  }

  private neverFits(log: Log, length: number): boolean {
    return log.costOf(length) > this.bytesMax || log.memoryCostOf(length) > this.options.memoryBytesMax
  }

  private refusal(log: Log, length: number): QueueFullError | null {
    const { bytes, heldBytes } = this
    const { memoryBytesMax } = this.options
    if (heldBytes + log.memoryCostOf(length) > memoryBytesMax) {
      return new QueueFullError('memory', `${heldBytes} of ${memoryBytesMax} bytes wait in memory for the disk`)
    }
    if (bytes + log.costOf(length) > this.bytesMax) return new QueueFullError('cap', `the queue holds ${bytes} of ${this.bytesMax} bytes`)
    return null
  }

  /** Frees what everybody has read of newest segments. */
  private reclaim(): void {
    for (const { log } of this.lanes) {
      log.sealRead(1)
      log.release()
    }
  }

  private evict(priority: number, inMemory: boolean): boolean {
    for (const lane of this.lanes) {
      if (lane.priority > priority) return false
      if (lane.log.evictOldest(inMemory)) return true
    }
    return false
  }
}
