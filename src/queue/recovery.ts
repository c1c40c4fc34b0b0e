import { basename, join } from 'node:path'
import { codeOf, type Disk, writeAll } from './disk.ts'
import { eventOf, NO_BYTES, type QueueEvent } from './event.ts'
import type { LaneEnd, Positions } from './positions.ts'
import { type DiskRecord, readSalt, readSegment, readStretch, type Segment, segmentName, segmentNumber } from './segment.ts'

/** Bounds of what is kept of damaged files, in each lane. */
const ASIDE_FILES_MAX = 16
const ASIDE_BYTES_MAX = 2 ** 20
/** More than a segment holds: sequences that are passed over when a newest segment is there and cannot be read, so that none is given out twice. */
const UNREADABLE_RECORDS = 2 ** 24

interface Opening {
  readonly name: string
  readonly dir: string
  readonly disk: Disk
  readonly salt: number
  readonly end: LaneEnd | undefined
  recover(checkpoint: Uint8Array): (payload: Uint8Array) => void
  onEvent(event: QueueEvent): void
}

interface Opened {
  readonly segments: Segment[]
  /** One past the last record that was found. */
  readonly nextSeq: number
  readonly lastNumber: number
}

/**
 * Finds a lane's segments and gives the owner its newest state with every record after it. Nothing is cut or wiped: a torn end stays where it is,
 * since new records go to a new file.
 */
export async function openSegments({ name, dir, disk, salt, end, recover, onEvent }: Opening): Promise<Opened> {
  const numbers = (await disk.list(dir))
    .map(segmentNumber)
    .filter((number) => number >= 0)
    .sort((a, b) => a - b)
  const segments: Segment[] = []
  let unknown = 0
  for (const number of numbers) {
    const path = join(dir, segmentName(number))
    try {
      const segment = await readSegment(disk, path, number, salt)
      const previous = segments.at(-1)
      if (segment === null) {
        await setAsideFile(disk, dir, path, (bytes) => onEvent(eventOf('torn', name, `nothing in ${path} can be read`, 0, bytes)))
        continue
      }
      if (previous !== undefined) previous.endSeq = Math.max(previous.firstSeq, segment.firstSeq)
      segments.push(segment)
      unknown = 0
    } catch (error) {
      if (codeOf(error) === '') throw error
      unknown = UNREADABLE_RECORDS
      onEvent(eventOf('unreadable', name, `${path} cannot be read: ${(error as Error).message}`))
    }
  }
  const nextSeq = await replay({ name, dir, disk, salt, end, recover, onEvent }, segments)
  return { segments, nextSeq: nextSeq + unknown, lastNumber: numbers.at(-1) ?? 0 }
}

/** Takes the salt from what the lanes hold. False when they hold nothing. */
export async function findSalt(
  disk: Disk,
  dir: string,
  lanes: readonly { readonly name: string }[],
  positions: Positions
): Promise<boolean> {
  let found = false
  for (const { name } of lanes) {
    for (const number of (await disk.list(join(dir, name))).map(segmentNumber)) {
      if (number < 0) continue
      found = true
      const salt = await readSalt(disk, join(dir, name, segmentName(number))).catch((error) => {
        if (codeOf(error) === '') throw error
        return null
      })
      if (salt === null) continue
      positions.salt = salt
      return true
    }
  }
  return found
}

async function replay({ disk, salt, end, recover, onEvent, name }: Opening, segments: readonly Segment[]): Promise<number> {
  let seq = end?.seq ?? segments[0]?.firstSeq ?? 1
  let checkpoint = end?.checkpoint ?? NO_BYTES
  for (const segment of segments) {
    if (segment.checkpoint === null || segment.firstSeq < seq) continue
    seq = segment.firstSeq
    checkpoint = segment.checkpoint
  }
  const visit = recover(checkpoint)
  for (const segment of segments) {
    const isLast = segment === segments.at(-1)
    if (!isLast && segment.endSeq <= seq) continue
    const start = segment.number === end?.segment && end.seq === seq ? end.offset : segment.start
    let soundEnd = start
    const before = seq
    await forEachRecord(disk, segment, start, salt, (record) => {
      soundEnd = record.end
      if (record.seq < seq || (!isLast && record.seq >= segment.endSeq)) return
      visit(record.payload)
      seq = record.seq + 1
    })
    if (!isLast) {
      seq = Math.max(seq, segment.endSeq)
      continue
    }
    const bytes = segment.bytes - soundEnd
    if (bytes > 0) onEvent(eventOf('torn', name, `${bytes} bytes at the end of ${segment.path} are no whole record`, 0, bytes))
    // A killed process leaves records that the system has and the disk may not; from here on they count.
    if (seq > before) await syncFile(disk, segment.path)
  }
  return seq
}

/** Shows every sound record of a segment from an offset on. What the disk cannot read is passed over. */
export async function forEachRecord(
  disk: Disk,
  segment: Segment,
  start: number,
  salt: number,
  visit: (record: DiskRecord) => void
): Promise<void> {
  if (start >= segment.bytes) return
  const file = await disk.open(segment.path, 'read')
  try {
    for (let offset = start; offset < segment.bytes; ) {
      const stretch = await readStretch(file, offset, segment.bytes, salt, true)
      for (const record of stretch.records) visit(record)
      offset = stretch.nextOffset
    }
  } finally {
    await file.close()
  }
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  try {
    const file = await disk.open(path, 'update')
    await file.sync().finally(() => file.close())
  } catch (error) {
    // A disk that refuses is found out, and told of, by the first write.
    if (codeOf(error) === '') throw error
  }
}

/** Copies damaged bytes to `aside/`, for a person to look at. What cannot be copied stays uncopied. */
export async function setAside(disk: Disk, dir: string, segment: Segment, from: number, to: number): Promise<void> {
  const aside = join(dir, 'aside')
  try {
    if ((await disk.list(aside)).length >= ASIDE_FILES_MAX) return
    const source = await disk.open(segment.path, 'read')
    const bytes = Buffer.alloc(Math.min(to - from, ASIDE_BYTES_MAX))
    const filled = await source.read(bytes, from).finally(() => source.close())
    await disk.makeDirectory(aside)
    const target = await disk.open(join(aside, `${basename(segment.path)}.${from}`), 'create')
    await writeAll(target, [bytes.subarray(0, filled)], 0).finally(() => target.close())
  } catch {
    // The loss itself has been told of.
  }
}

async function setAsideFile(disk: Disk, dir: string, path: string, tell: (bytes: number) => void): Promise<void> {
  const file = await disk.open(path, 'read')
  const bytes = await file.size().finally(() => file.close())
  // As a crash leaves it that comes between making a file and writing to it.
  if (bytes === 0) return disk.remove(path)
  const aside = join(dir, 'aside')
  await disk.makeDirectory(aside)
  await disk.rename(path, join(aside, basename(path)))
  tell(bytes)
}
