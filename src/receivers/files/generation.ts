import { fstatSync, type Stats } from 'node:fs'
import type { ByteSource } from './byte-source.ts'
import type { FileLines } from './file-lines.ts'
import { HEAD_BYTES, headOf, type Mark, markOf, type Position, TRAIL_BYTES } from './identity.ts'

const NEWLINE = 10
const NO_MARK: Mark = { end: 0, length: 0, hash: '' }
/** Where a file is read from that nothing is known of. */
export const BEGINNING = { offset: 0, trail: NO_MARK }
/** Of what is inflated as it is read. */
export const UNKNOWN_SIZE = Number.MAX_SAFE_INTEGER
/** Of an unfinished line that is longer, only what is new is searched for its end. */
const SEARCHED_BYTES_MIN = 16 * 1024

/** What a read came to: there is more, or not now, or what was read before is not there any more. */
export type Outcome = 'more' | 'end' | 'changed'

/** Where bytes are read into, shared by all files: as much as the longest line and what lies before it, or more. */
export interface ReadBuffer {
  readonly bytes: Buffer
  /** Longer lines are cut. */
  readonly lineBytesMax: number
}

/** The buffer for lines of a length. */
export function readBuffer(quantumBytes: number, lineBytesMax: number): ReadBuffer {
  return { bytes: Buffer.allocUnsafeSlow(TRAIL_BYTES + Math.max(quantumBytes, lineBytesMax + 1)), lineBytesMax }
}

/** One file among those that have followed each other at a path, from the place where it is first read to its end. */
export class Generation {
  dev: number
  ino: number
  /** Where it was last. */
  path: string
  readonly bornMs: number
  /** Null where it is not open: for the sake of others, or before its turn. */
  source: (ByteSource & { readonly fd?: number }) | null
  /** As a compressed file says how large it was; what is not compressed says nothing. Null: it is not. */
  inflatedSize: number | null = null
  size: number
  mtimeMs: number
  /** Up to here all lines have been taken; they were from `start` on. */
  offset: number
  readonly start: number
  head: Mark
  /** Position of the file's first byte among all that was read at its path; known when its turn to be read comes. */
  base: number
  /** Its bytes are gone, as those before a truncation are: nothing of it is to be remembered. */
  isVoid = false
  /** Nothing of it is durable, but it is remembered, with so many bytes. -1: it is not. */
  notedSize = -1
  /** When it was last seen to grow, or to be read. */
  activeMs: number
  /** Between `offset` and here is no end of a line. */
  private searched = 0
  /** A line that was cut goes on; it began here. -1: none does. */
  private cutAt = -1
  /** The bytes before `offset`. */
  private readonly trail = Buffer.alloc(TRAIL_BYTES)
  private trailLength = 0
  /** A mark that is durable, and one that is to become so. */
  private mark: Mark = NO_MARK
  private nextMark: Mark | null = null

  constructor(
    file: { path: string; stats: Stats; source: ByteSource | null; head: Mark },
    start: Pick<Position, 'offset' | 'trail'>,
    nowMs: number
  ) {
    const { path, stats, source, head } = file
    this.path = path
    this.dev = stats.dev
    this.ino = stats.ino
    this.bornMs = stats.birthtimeMs
    this.size = stats.size
    this.mtimeMs = stats.mtimeMs
    this.source = source
    this.head = head
    this.offset = start.offset
    this.searched = start.offset
    this.mark = start.trail
    this.start = start.offset
    this.base = 0
    this.activeMs = nowMs
  }

  /** Its turn to be read has come, after everything up to a position. */
  begin(position: number): void {
    this.base = position - this.start
  }

  /** The position up to which it has been read; lines that go on are read again. */
  get position(): number {
    return this.base + (this.cutAt < 0 ? this.offset : this.cutAt)
  }

  get end(): number {
    return this.base + this.offset
  }

  /** Bytes that have not been looked at yet. */
  get unread(): number {
    return Math.max(0, this.size - Math.max(this.offset, this.searched))
  }

  /** The same, as far as it is known of what is compressed. */
  get lag(): number {
    return this.isVoid ? 0 : Math.max(0, this.sizeSeen - Math.max(this.offset, this.searched))
  }

  get isCompressed(): boolean {
    return this.inflatedSize !== null
  }

  /** It was found compressed. */
  compressedAs(path: string, inflatedSize: number): void {
    this.path = path
    this.inflatedSize = inflatedSize
    this.size = UNKNOWN_SIZE
  }

  /** The first whole line after `offset` is the next one: the file is joined in the middle of a line. */
  skipLine(): void {
    this.cutAt = this.offset
  }

  /** Reads a piece, and has its lines taken. Throws what the system says. */
  async read({ bytes, lineBytesMax }: ReadBuffer, lines: FileLines, nowMs: number): Promise<{ outcome: Outcome; bytes: number }> {
    const { source } = this
    if (source === null) return { outcome: 'end', bytes: 0 }
    const capacity = bytes.length - TRAIL_BYTES
    if (this.searched - this.offset >= SEARCHED_BYTES_MIN && source.isLive) {
      const { searched } = this
      const got = await source.read(bytes, Math.min(SEARCHED_BYTES_MIN, capacity), searched)
      const isEnded = bytes.subarray(0, got).includes(NEWLINE)
      if (!isEnded && searched + got - this.offset <= lineBytesMax) {
        this.searched = searched + got
        this.size = Math.max(this.size, this.searched)
        return { outcome: got < SEARCHED_BYTES_MIN ? 'end' : 'more', bytes: 0 }
      }
    }
    const overlap = source.isLive ? this.trailLength : 0
    if (!this.beginsAsBefore()) return { outcome: 'changed', bytes: 0 }
    const before = this.offset
    const got = await source.read(bytes, overlap + capacity, before - overlap)
    if (got < overlap || bytes.compare(this.trail, 0, overlap, 0, overlap) !== 0) return { outcome: 'changed', bytes: 0 }
    this.size = Math.max(this.size, before - overlap + got)
    const end = this.consume(bytes, overlap, got, lineBytesMax, lines, nowMs)
    this.advance(bytes, overlap, end)
    this.searched = before + got - overlap
    if (got > overlap) this.activeMs = nowMs
    return { outcome: got === overlap + capacity ? 'more' : 'end', bytes: this.offset - before }
  }

  /** At the end of a file that nobody writes any more: takes what stands there without an end of line. Nothing, where its bytes are gone. */
  async readRest({ bytes, lineBytesMax }: ReadBuffer, lines: FileLines, nowMs: number): Promise<number> {
    const { source, offset } = this
    this.cutAt = -1
    if (source === null || this.isVoid || this.searched <= offset) return 0
    const got = await source.read(bytes, Math.min(lineBytesMax, this.searched - offset), offset)
    if (got === 0) return 0
    lines.take(bytes, 0, got, false, this.base + offset, this.base + offset + got, nowMs)
    this.advance(bytes, 0, got)
    return got
  }

  /** What is to be remembered of it, when all up to a position is durable; null where nothing is. */
  remember(path: string, durable: number, isDone: boolean): Position | null {
    if (this.isVoid) return null
    const offset = Math.max(this.start, Math.min(durable - this.base, this.offset))
    if (this.nextMark !== null && this.nextMark.end <= offset) {
      this.mark = this.nextMark
      this.nextMark = null
    }
    if (offset === this.offset && this.trailLength > 0 && this.mark.end < offset) this.mark = this.markHere()
    const { dev, ino, head, mark, bornMs } = this
    return { dev, ino, path, offset, size: this.sizeSeen, head, trail: mark, bornMs, isDone: isDone && offset === this.offset }
  }

  /** What it is and how far it was read, durably or not, to find it again. */
  here(path: string): Position {
    const { dev, ino, offset, head, bornMs } = this
    const trail = this.trailLength > 0 ? this.markHere() : this.mark
    return { dev, ino, path, offset, size: this.sizeSeen, head, trail, bornMs, isDone: false }
  }

  /** Looks at the open file: how large it is, and its first bytes while there are few of them. */
  look(nowMs: number): Stats | null {
    const fd = this.source?.fd
    if (fd === undefined) return null
    const stats = fstatSync(fd)
    this.observe(stats, nowMs)
    return stats
  }

  /** Takes notice of how the file is now. False: it does not begin as it did. */
  observe({ size, mtimeMs }: Stats, nowMs: number): boolean {
    const hasShrunk = size < this.size
    // What has been read is looked at when reading goes on.
    const isSure = this.offset > this.start && !hasShrunk
    if (size !== this.size || mtimeMs !== this.mtimeMs) this.activeMs = nowMs
    else if (this.head.length === HEAD_BYTES) return true
    this.size = size
    this.mtimeMs = mtimeMs
    const fd = this.source?.fd
    if (fd === undefined || (this.head.length === HEAD_BYTES ? isSure : size <= this.head.length && !hasShrunk)) return true
    if (!this.beginsAsBefore()) return false
    if (this.head.length < HEAD_BYTES) this.head = headOf(fd)
    return true
  }

  close(): void {
    this.source?.close()
    this.source = null
  }

  /** Closes it if it can be opened again: it is not compressed, and still in some directory. Returns whether it did. */
  closeIfNamed(): boolean {
    const { source } = this
    if (source?.fd === undefined || fstatSync(source.fd).nlink === 0) return false
    source.close(true)
    this.source = null
    return true
  }

  private get sizeSeen(): number {
    return Math.max(this.size === UNKNOWN_SIZE ? (this.inflatedSize ?? 0) : this.size, this.offset)
  }

  private consume(bytes: Buffer, start: number, end: number, lineBytesMax: number, lines: FileLines, nowMs: number): number {
    const view = bytes.subarray(0, end)
    const shift = this.base + this.offset - start
    let at = start
    for (;;) {
      if (this.cutAt >= 0) {
        const newline = view.indexOf(NEWLINE, at)
        if (newline < 0) return end
        this.cutAt = -1
        at = newline + 1
        continue
      }
      // What a file has in place of what was cut off at its beginning while somebody went on to write at its end.
      while (at < end && view[at] === 0) at++
      const newline = view.indexOf(NEWLINE, at)
      if (newline < 0) {
        if (end - at <= lineBytesMax) return at
        lines.take(view, at, characterBorder(view, at, at + lineBytesMax), true, shift + at, shift + at + 1, nowMs)
        this.cutAt = shift + at - this.base
        return end
      }
      if (newline - at <= lineBytesMax) lines.take(view, at, newline, false, shift + at, shift + newline + 1, nowMs)
      else lines.take(view, at, characterBorder(view, at, at + lineBytesMax), true, shift + at, shift + newline + 1, nowMs)
      at = newline + 1
    }
  }

  private beginsAsBefore(): boolean {
    const fd = this.source?.fd
    return fd === undefined || headOf(fd, this.head.length).hash === this.head.hash
  }

  // What lies before `end` in the buffer lies before the new offset in the file.
  private advance(bytes: Buffer, start: number, end: number): void {
    if (end === start) return
    this.offset += end - start
    this.trailLength = Math.min(TRAIL_BYTES, end)
    bytes.copy(this.trail, 0, end - this.trailLength, end)
    this.nextMark ??= this.markHere()
  }

  private markHere(): Mark {
    return markOf(this.trail.subarray(0, this.trailLength), this.offset)
  }
}

// The end of the last character that ends at `end` or before: a character of UTF-8 has up to 4 bytes, of which all but the first are 10xxxxxx.
function characterBorder(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end; at > start && at > end - 4; at--) if ((bytes[at] & 0xc0) !== 0x80) return at
  return end
}
