import type { Log } from './log.ts'
import { forEachRecord } from './recovery.ts'

/** The records of one lane that no destination wants: a log of its own, whose oldest give way to the newest. */
export class DeadLetters {
  private readonly log: Log
  private readonly bytesMax: number
  /** Bound of what is in memory while the disk refuses. */
  private readonly memoryBytesMax: number

  constructor(log: Log, bytesMax: number, memoryBytesMax: number) {
    this.log = log
    this.bytesMax = bytesMax
    this.memoryBytesMax = memoryBytesMax
  }

  get bytes(): number {
    return this.log.bytes
  }

  open(): Promise<void> {
    return this.log.open(undefined, () => () => {})
  }

  /** Resolves when the record is safe. Never fails: what finds no room is dropped, and told of. */
  async add(parts: readonly Uint8Array[]): Promise<void> {
    const { log } = this
    let length = 0
    for (const part of parts) length += part.length
    const cost = log.costOf(length)
    const memoryCost = log.memoryCostOf(length)
    const isOverMemory = (): boolean => log.heldBytes + memoryCost > this.memoryBytesMax
    const isOver = (): boolean => log.bytes + cost > this.bytesMax || isOverMemory()
    const neverFits = cost > this.bytesMax || memoryCost > this.memoryBytesMax
    while (!neverFits && isOver() && log.evictOldest(isOverMemory())) {}
    if (isOver()) {
      log.tell('dead-letters-dropped', 1, length, 'there is no room among the dead letters')
      return
    }
    log.tell('dead-lettered', 1, length, 'a record was set aside')
    await log.accept(parts, length)
  }

  /** Shows every dead letter on disk, oldest first. */
  async forEach(visit: (payload: Uint8Array) => void): Promise<void> {
    const { disk, salt } = this.log.options
    if (disk === null) return
    for (const segment of [...this.log.segments]) {
      await forEachRecord(disk, segment, segment.start, salt, (record) => {
        if (record.seq < segment.endSeq) visit(record.payload)
      })
    }
  }

  settled(): Promise<void> {
    return this.log.settled()
  }

  close(): Promise<void> {
    return this.log.close()
  }
}
