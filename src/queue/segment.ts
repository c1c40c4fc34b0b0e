import { crc32c } from './crc32c.ts'
import type { Disk, DiskFile } from './disk.ts'
import { acceptedAtMsOf, findRecord, isPayloadSound, payloadLength, RECORD_HEADER_BYTES, sequenceOf } from './record.ts'

// A segment file, little-endian; its name is its number, `000000000001.log`:
//    0  u32  magic
//    4  u16  version, 1
//    6  u16  zero
//    8  u32  salt of the queue
//   12  u32  length of the checkpoint
//   16  u64  sequence of the first record
//   24  f64  made at, ms since 1970
//   32       checkpoint: the owner's state as of just before the first record
//    …  u32  CRC-32C of all before
//    …       records, back to back (record.ts)
// Sequences only grow from segment to segment. What a segment holds at or past the first sequence of its successor does not count: it is what
// was left behind in a file that failed, and was written again.
const HEADER_BYTES = 32
const MAGIC = 0x9d4753c5
const VERSION = 1
const WORD = 2 ** 32
/** Most bytes of a checkpoint. */
export const CHECKPOINT_BYTES_MAX = 65_536
/** How much a reader takes from the disk at once, when no single record is longer. */
const STRETCH_BYTES = 262_144
const PAGE_BYTES = 4096

/** A stretch of the log in one file. */
export interface Segment {
  readonly number: number
  readonly path: string
  readonly firstSeq: number
  /** One past its last record that counts. */
  endSeq: number
  /** Bytes of the file that are safe, header included. */
  bytes: number
  /** Null when the header is damaged. */
  readonly checkpoint: Uint8Array | null
  readonly createdAtMs: number
  /** Where its first record begins. */
  readonly start: number
  /** Where damage was found, so that it is told once. */
  readonly damage: Set<number>
}

export const segmentName = (number: number): string => `${String(number).padStart(12, '0')}.log`

/** The number in a segment's file name, or -1. */
export const segmentNumber = (name: string): number => (/^\d{12}\.log$/.test(name) ? Number(name.slice(0, 12)) : -1)

export const segmentHeaderBytes = (checkpointLength: number): number => HEADER_BYTES + checkpointLength + 4

export function encodeSegmentHeader(firstSeq: number, createdAtMs: number, salt: number, checkpoint: Uint8Array): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes(checkpoint.length))
  header.writeUInt32LE(MAGIC, 0)
  header.writeUInt16LE(VERSION, 4)
  header.writeUInt32LE(salt, 8)
  header.writeUInt32LE(checkpoint.length, 12)
  header.writeUInt32LE(firstSeq % WORD, 16)
  header.writeUInt32LE(Math.floor(firstSeq / WORD), 20)
  header.writeDoubleLE(createdAtMs, 24)
  header.set(checkpoint, HEADER_BYTES)
  header.writeUInt32LE(crc32c(header, 0, header.length - 4), header.length - 4)
  return header
}

/** The salt in a segment's header, or null when the header is damaged. Throws when a later version wrote it. */
export async function readSalt(disk: Disk, path: string): Promise<number | null> {
  return await reading(disk, path, async (file) => (await readHeader(file, path))?.salt ?? null)
}

/** Opens what a file holds, its header damaged or not. Null when nothing in it can be read. `endSeq` is left for the caller to find. */
export async function readSegment(disk: Disk, path: string, number: number, salt: number): Promise<Segment | null> {
  return await reading(disk, path, async (file): Promise<Segment | null> => {
    const bytes = await file.size()
    const header = await readHeader(file, path)
    if (header !== null) return { number, path, endSeq: header.firstSeq, bytes, damage: new Set(), ...header }
    for (let offset = 0; offset < bytes; ) {
      const stretch = await readStretch(file, offset, bytes, salt)
      const first = stretch.records[0]
      if (first !== undefined) {
        const { seq, acceptedAtMs: createdAtMs } = first
        return { number, path, firstSeq: seq, endSeq: seq, bytes, checkpoint: null, createdAtMs, start: 0, damage: new Set() }
      }
      offset = stretch.nextOffset
    }
    return null
  })
}

async function reading<T>(disk: Disk, path: string, read: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, 'read')
  try {
    return await read(file)
  } finally {
    await file.close()
  }
}

async function readHeader(file: DiskFile, path: string) {
  const head = Buffer.alloc(HEADER_BYTES)
  if ((await file.read(head, 0)) < HEADER_BYTES || head.readUInt32LE(0) !== MAGIC) return null
  const checkpointLength = head.readUInt32LE(12)
  if (checkpointLength > CHECKPOINT_BYTES_MAX) return null
  const all = Buffer.alloc(segmentHeaderBytes(checkpointLength))
  if ((await file.read(all, 0)) < all.length || crc32c(all, 0, all.length - 4) !== all.readUInt32LE(all.length - 4)) return null
  const version = all.readUInt16LE(4)
  if (version !== VERSION)
    throw new Error(`${path} has version ${version} of the queue's format, and this program reads version ${VERSION}`)
  return {
    salt: all.readUInt32LE(8),
    firstSeq: all.readUInt32LE(16) + all.readUInt32LE(20) * WORD,
    createdAtMs: all.readDoubleLE(24),
    checkpoint: all.subarray(HEADER_BYTES, all.length - 4),
    start: all.length
  }
}

export interface DiskRecord {
  readonly seq: number
  readonly acceptedAtMs: number
  readonly payload: Uint8Array
  /** Where the record begins and ends in its segment. */
  readonly offset: number
  readonly end: number
}

export interface Stretch {
  /** Whole and sound; their payloads are views of one buffer that is theirs alone. */
  readonly records: readonly DiskRecord[]
  /** Where to read on; `end` or past it when the segment is read. */
  readonly nextOffset: number
}

/**
 * Reads the records that begin at `offset`, as many as come with one read, and passes over what is damaged. `tolerant` takes pages that the disk
 * cannot read for damage, where it would else throw.
 */
export async function readStretch(file: DiskFile, offset: number, end: number, salt: number, tolerant = false): Promise<Stretch> {
  let length = Math.min(STRETCH_BYTES, end - offset)
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(length)
    const filled = tolerant ? await readPages(file, buffer, offset) : await readFull(file, buffer, offset)
    // A file shorter than it was: the rest of it is gone.
    const fileEnd = filled < length ? offset + filled : end
    const bytes = buffer.subarray(0, filled)
    const records: DiskRecord[] = []
    let at = 0
    let needed = 0
    while (bytes.length - at >= RECORD_HEADER_BYTES) {
      const payload = payloadLength(bytes, at, salt)
      const size = RECORD_HEADER_BYTES + payload
      if (payload === -1 || offset + at + size > fileEnd) {
        at = findRecord(bytes, at + 1, salt)
      } else if (at + size > bytes.length) {
        needed = size
        break
      } else {
        if (isPayloadSound(bytes, at, payload)) records.push(recordAt(bytes, at, size, offset))
        at += size
      }
    }
    if (needed > 0 && records.length === 0 && at === 0) {
      length = needed
      continue
    }
    const isEnd = offset + bytes.length >= fileEnd && needed === 0
    return { records, nextOffset: isEnd ? Math.max(end, fileEnd) : offset + at }
  }
}

function recordAt(bytes: Buffer, at: number, size: number, offset: number): DiskRecord {
  return {
    seq: sequenceOf(bytes, at),
    acceptedAtMs: acceptedAtMsOf(bytes, at),
    payload: bytes.subarray(at + RECORD_HEADER_BYTES, at + size),
    offset: offset + at,
    end: offset + at + size
  }
}

async function readFull(file: DiskFile, into: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < into.length) {
    const count = await file.read(into.subarray(filled), position + filled)
    if (count === 0) break
    filled += count
  }
  return filled
}

async function readPages(file: DiskFile, into: Buffer, position: number): Promise<number> {
  into.fill(0)
  for (let at = 0; at < into.length; at += PAGE_BYTES) {
    await readFull(file, into.subarray(at, at + PAGE_BYTES), position + at).catch(() => 0)
  }
  return into.length
}
