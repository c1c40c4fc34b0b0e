import { dirname, join } from 'node:path'
import { type Disk, type DiskFile, writeAll } from './disk.ts'
import type { Group } from './pending.ts'
import type { Held } from './recent.ts'
import { encodeSegmentHeader, type Segment, segmentName } from './segment.ts'

/** Writes groups to the end of one lane's newest segment. After any error that file is given up, and the next group begins another. */
export class Writer {
  /** The segment that the next group is added to. */
  active: Segment | null = null
  nextNumber = 1
  private file: DiskFile | null = null
  private hasDirectory = false
  private readonly disk: Disk
  private readonly dir: string
  private readonly salt: number

  constructor(disk: Disk, dir: string, salt: number) {
    this.disk = disk
    this.dir = dir
    this.salt = salt
  }

  /** Returns the segment that the group is now safe in. */
  async write(group: Group, records: readonly Held[]): Promise<Segment> {
    if (group.startsSegment) await this.seal()
    const parts: Uint8Array[] = records.map((held) => held.record)
    const isNew = this.active === null
    if (isNew) parts.unshift(await this.create(group))
    const segment = this.active as Segment
    const file = this.file as DiskFile
    const start = segment.bytes
    await writeAll(file, parts, start)
    await file.sync()
    if (isNew) await this.disk.syncDirectory(this.dir)
    let offset = isNew ? segment.start : start
    for (const held of records) {
      held.segment = segment.number
      held.offset = offset
      offset += held.record.length
    }
    segment.bytes = offset
    segment.endSeq = group.endSeq
    return segment
  }

  /** Ends the newest segment. */
  async seal(): Promise<void> {
    const file = this.file
    this.file = null
    this.active = null
    // All that counts in it is synced already.
    await file?.close().catch(() => {})
  }

  /** Gives up a file that failed. What is not known to be safe in it is written again elsewhere. */
  async abandon(): Promise<void> {
    const segment = this.active
    await this.seal()
    if (segment !== null && segment.bytes === 0) await this.disk.remove(segment.path).catch(() => {})
  }

  private async create(group: Group): Promise<Buffer> {
    const number = this.nextNumber++
    const path = join(this.dir, segmentName(number))
    if (!this.hasDirectory) {
      await this.disk.makeDirectory(this.dir)
      await this.disk.syncDirectory(dirname(this.dir))
      this.hasDirectory = true
    }
    this.file = await this.disk.open(path, 'create')
    const { firstSeq, checkpoint, createdAtMs } = group
    const header = encodeSegmentHeader(firstSeq, createdAtMs, this.salt, checkpoint)
    this.active = { number, path, firstSeq, endSeq: firstSeq, bytes: 0, checkpoint, createdAtMs, start: header.length, damage: new Set() }
    return header
  }
}
