import type { Disk, DiskFile } from './disk.ts'
import type { Log } from './log.ts'
import type { Held } from './recent.ts'
import { acceptedAtMsOf, RECORD_HEADER_BYTES } from './record.ts'
import { readStretch, type Segment } from './segment.ts'

/** Why records are missing. */
export type Loss = 'damaged' | 'evicted'

/** One record for a reader. */
export interface Entry {
  readonly seq: number
  /** Read-only, and not kept for longer than needed: it may be a view of a larger buffer. */
  readonly payload: Uint8Array
  readonly acceptedAtMs: number
  /** Why records between the one before and this one are missing, if any are. */
  skipped: Loss | null
  /** Where the next record begins on disk; segment 0 when that is not known. */
  readonly segment: number
  readonly end: number
}

/** The outcome of one read: entries from the sequence that was asked for on, and then perhaps a gap, up to `nextSeq`. */
export interface Read {
  readonly entries: Entry[]
  readonly gap: Loss | null
  readonly nextSeq: number
}

/** What is taken from memory in one go. */
const STEP_BYTES = 262_144
/** After so many failed reads in a row, what the disk cannot give counts as damaged. */
const READ_TRIES = 5

/** Where a search in a file goes on. */
interface Place {
  readonly segment: Segment
  readonly seq: number
  readonly offset: number
  /** Where the last sound record ended. */
  readonly soundEnd: number
}

/** Reads a log forward, from memory where it can, else from disk in whole stretches. Every byte from disk is checked. */
export class LogReader {
  private readonly log: Log
  private readonly disk: Disk | null
  private file: DiskFile | null = null
  private segment: Segment | null = null
  private place: Place | null = null
  private failures = 0
  /** Cuts a wait between two tries short. */
  endWait: () => void = () => {}

  constructor(log: Log) {
    this.log = log
    this.disk = log.options.disk
  }

  /** Reads from record `seq`, which must be visible. `segmentNumber` and `offset` say where it begins on disk, if that is known. */
  async read(seq: number, segmentNumber: number, offset: number, stop: AbortSignal): Promise<Read> {
    const { log } = this
    if (seq >= log.recent.firstSeq) {
      if (this.file !== null) void this.close()
      return this.fromMemory(seq)
    }
    const segment = log.segmentAt(seq)
    if (segment === undefined || segment.firstSeq > seq) {
      const next = segment?.firstSeq ?? Math.min(log.recent.firstSeq, log.visibleSeq)
      if (segment !== undefined) log.damaged(segment, -1, 0, next - seq)
      return { entries: [], gap: 'damaged', nextSeq: next }
    }
    if (segment !== this.segment) await this.close()
    try {
      this.segment = segment
      this.file ??= await (this.disk as Disk).open(segment.path, 'read')
      const start = segment.number === segmentNumber ? offset : segment.start
      const isGoingOn = this.place?.segment === segment && this.place.seq === seq
      return await this.fromDisk(this.file, isGoingOn ? (this.place as Place) : { segment, seq, offset: start, soundEnd: start })
    } catch (error) {
      const failures = this.failures + 1
      await this.close()
      this.failures = failures
      this.segment = segment
      // It may have been evicted in the meantime; the next read finds what there is.
      if (log.segmentAt(seq) !== segment) return { entries: [], gap: null, nextSeq: seq }
      if (failures > READ_TRIES) return this.lostEnd([], segment, seq, segment.start)
      if (failures === 1) log.tell('unreadable', 0, 0, `${segment.path} cannot be read: ${(error as Error).message}`)
      await this.wait(log.options.retryFirstMs * 2 ** (failures - 1), stop)
      return { entries: [], gap: null, nextSeq: seq }
    }
  }

  /** Gives up the file: one that is open keeps its room on the disk even when it has been removed. Not to be called during a read. */
  async close(): Promise<void> {
    const file = this.file
    this.file = null
    this.segment = null
    this.place = null
    this.failures = 0
    // Nothing was written through it.
    await file?.close().catch(() => {})
  }

  private fromMemory(seq: number): Read {
    const entries: Entry[] = []
    let next = seq
    for (let bytes = 0; bytes < STEP_BYTES && next < this.log.visibleSeq; next++) {
      const { record, segment, offset } = this.log.recent.get(next) as Held
      const payload = record.subarray(RECORD_HEADER_BYTES)
      entries.push({ seq: next, payload, acceptedAtMs: acceptedAtMsOf(record, 0), skipped: null, segment, end: offset + record.length })
      bytes += payload.length
    }
    return { entries, gap: null, nextSeq: next }
  }

  private async fromDisk(file: DiskFile, { segment, seq, offset, soundEnd }: Place): Promise<Read> {
    // The segment may grow while it is read.
    const end = segment.bytes
    const { records, nextOffset } = await readStretch(file, offset, end, this.log.options.salt, this.failures >= READ_TRIES)
    const entries: Entry[] = []
    let next = seq
    let sound = soundEnd
    for (const record of records) {
      if (record.seq >= segment.endSeq) break
      if (record.seq >= next) {
        const missing = record.seq - next
        if (missing > 0) this.log.damaged(segment, sound, record.offset, missing)
        const skipped: Loss | null = missing > 0 ? 'damaged' : null
        const { payload, acceptedAtMs } = record
        entries.push({ seq: record.seq, payload, acceptedAtMs, skipped, segment: segment.number, end: record.end })
        next = record.seq + 1
      }
      sound = record.end
    }
    this.place = { segment, seq: next, offset: nextOffset, soundEnd: sound }
    if (nextOffset >= end && end === segment.bytes && next < segment.endSeq) return this.lostEnd(entries, segment, next, sound)
    return { entries, gap: null, nextSeq: next }
  }

  /** The segment has no sound record from `next` on, and should have. */
  private lostEnd(entries: Entry[], segment: Segment, next: number, soundEnd: number): Read {
    this.log.damaged(segment, soundEnd, segment.bytes, segment.endSeq - next)
    return { entries, gap: 'damaged', nextSeq: segment.endSeq }
  }

  private wait(ms: number, stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.endWait = () => {
        clearTimeout(timer)
        stop.removeEventListener('abort', this.endWait)
        this.endWait = () => {}
        resolve()
      }
      const timer = setTimeout(this.endWait, ms)
      stop.addEventListener('abort', this.endWait, { once: true })
    })
  }
}
