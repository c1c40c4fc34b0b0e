/** Records that are written together, and whose senders are answered together. */
export interface Group {
  readonly firstSeq: number
  endSeq: number
  bytes: number
  /** It begins a new segment, because the one before is full. */
  readonly startsSegment: boolean
  /** Room kept for the header of a segment that begins with it. */
  readonly headerBytes: number
  /** The owner's state as of just before its first record. A segment can begin here and nowhere inside. */
  readonly checkpoint: Uint8Array
  readonly createdAtMs: number
  /** On its way to the disk: takes no more records, and cannot be dropped. */
  isWriting: boolean
  readonly durable: Promise<void>
  readonly answer: () => void
}

/** Memory that a record in memory takes beside its bytes, estimated high. */
export const HELD_OVERHEAD_BYTES = 256

/** The groups of a lane that are not on disk, oldest first. */
export class Pending {
  readonly groups: Group[] = []
  /** Of their records, as they will be on disk. */
  bytes = 0
  /** Memory that they take. */
  heldBytes = 0

  get first(): Group | undefined {
    return this.groups[0]
  }

  /** The group that takes the next record, if there is one. */
  get open(): Group | undefined {
    const last = this.groups[this.groups.length - 1]
    return last?.isWriting ? undefined : last
  }

  begin(firstSeq: number, startsSegment: boolean, headerBytes: number, createdAtMs: number, checkpoint: Uint8Array): Group {
    const { promise: durable, resolve: answer } = Promise.withResolvers<void>()
    const group = {
      firstSeq,
      endSeq: firstSeq,
      bytes: 0,
      startsSegment,
      headerBytes,
      checkpoint,
      createdAtMs,
      isWriting: false,
      durable,
      answer
    }
    this.groups.push(group)
    return group
  }

  add(group: Group, size: number): void {
    group.endSeq++
    group.bytes += size
    this.bytes += size
    this.heldBytes += size + HELD_OVERHEAD_BYTES
  }

  /** Takes the oldest group out. */
  shift(): Group {
    const group = this.groups.shift() as Group
    this.bytes -= group.bytes
    this.heldBytes -= group.bytes + (group.endSeq - group.firstSeq) * HELD_OVERHEAD_BYTES
    return group
  }
}
