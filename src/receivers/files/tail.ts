import { closeSync, type Stats, statSync } from 'node:fs'
import type { Archive } from './archive.ts'
import { type OpenFile, openFile } from './byte-source.ts'
import type { FileLines } from './file-lines.ts'
import type { Generation, ReadBuffer } from './generation.ts'
import { HEAD_BYTES_MIN, keyOf } from './identity.ts'
import { nextLookMs } from './pace.ts'

/** A file that has left its place is read on until it was quiet for so long: who writes to it may not have noticed yet. */
export const LINGER_MS = 10_000
/** A file that was quiet for so long needs no memory for its lines. */
const REST_MS = 30_000
/** So far behind the clock of files may be. */
const CLOCK_MS = 10
/** After something has failed. */
const RETRY_MS = 5_000

/** What is written at one path: the file that is there, and those before it that have not been read to their end, in order. */
export class Tail {
  readonly path: string
  /** Where the links of the path led. */
  readonly realPath: string
  readonly lines: FileLines
  /** The oldest first: that is the one being read. Never empty. */
  readonly generations: Generation[]
  /** When to look again. */
  dueMs = 0
  isQueued = false
  /** Nothing more can come. */
  isEnded = false
  /** Positions may have changed since they were last settled. */
  isDirty = true
  /** Since when nothing is at the path; 0 while something is. */
  goneMs = 0
  /** When it was last looked at, and everything that had been at its path was known. */
  private lookedMs = 0
  private readonly archive: Archive
  private readonly intervalMs: number
  /** What is at the path is not its concern. */
  private readonly isStray: boolean
  /** Read to their end, and not durable to it. */
  private readonly finished: Generation[] = []

  constructor(
    path: string,
    realPath: string,
    generations: Generation[],
    lines: FileLines,
    archive: Archive,
    intervalMs: number,
    strayMs = 0
  ) {
    this.path = path
    this.realPath = realPath
    this.generations = generations
    this.lines = lines
    this.archive = archive
    this.intervalMs = intervalMs
    this.isStray = strayMs > 0
    this.goneMs = strayMs
    this.lookedMs = Date.now()
    generations[0].begin(generations[0].start)
  }

  /** Looks at the path and at what was there. Returns whether there is something to read. */
  look(nowMs: number): boolean {
    const last = this.generations[this.generations.length - 1]
    const stats = this.statsAtPath()
    if (stats === undefined) {
      if (this.goneMs === 0) this.goneMs = nowMs
    } else if (keyOf(stats) === keyOf(last)) {
      this.goneMs = 0
      const { length } = last.head
      if (stats.size < last.offset || !last.observe(stats, nowMs)) this.truncated(last, nowMs)
      else if (length < HEAD_BYTES_MIN && last.head.length >= HEAD_BYTES_MIN) this.begun(last)
    } else this.replaced(nowMs)
    this.lookedMs = nowMs
    const [first] = this.generations
    if (first !== last || this.goneMs > 0) first.look(nowMs)
    if (first === last && first.unread === 0) this.lines.releaseIdle(this.position, nowMs)
    const quietMs = nowMs - Math.max(first.activeMs, first.mtimeMs)
    if (quietMs > REST_MS) this.lines.rest(this.position)
    const isMoving = this.goneMs > 0 || this.generations.length > 1 || this.lines.isWaiting
    this.dueMs = nowMs + (isMoving ? this.intervalMs : nextLookMs(quietMs, this.intervalMs))
    return this.hasWork(nowMs)
  }

  /** Reads a piece. Returns its bytes, and whether there is more to do at once. Throws what the system says. */
  async read(buffer: ReadBuffer, nowMs: number): Promise<{ readonly bytes: number; readonly hasMore: boolean }> {
    const [first] = this.generations
    if (first.source === null && !first.isVoid && !this.archive.reopen(this.realPath, first)) this.lose(first)
    if (first.isVoid) return { bytes: await this.finish(buffer, nowMs), hasMore: this.hasWork(nowMs) }
    const { outcome, bytes } = await first.read(buffer, this.lines, nowMs)
    this.isDirty = true
    if (outcome === 'changed') {
      if (this.generations.length === 1 && this.goneMs === 0) this.truncated(first, nowMs)
      else this.overwritten(first)
      return { bytes, hasMore: true }
    }
    if (outcome === 'more') return { bytes, hasMore: true }
    if (first.source?.isLive === false) first.size = first.offset
    if (!this.isOver(first, nowMs)) return { bytes, hasMore: false }
    return { bytes: bytes + (await this.finish(buffer, nowMs)), hasMore: this.hasWork(nowMs) }
  }

  /** Has what is durable remembered. Returns the files that nobody needs to be read any more, for who wants to watch them a little longer. */
  settle(nowMs: number): Generation[] {
    const durable = this.lines.durable(this.position)
    const { positions } = this.archive
    const done: Generation[] = []
    while (this.finished.length > 0) {
      const [oldest] = this.finished
      const position = oldest.remember(this.path, durable, true)
      if (position !== null) positions.set(position, nowMs)
      if (durable < oldest.end) break
      done.push(oldest)
      this.finished.shift()
    }
    if (!this.isEnded) {
      const position = this.generations[0].remember(this.path, durable, false)
      if (position !== null && this.finished.length === 0) positions.set(position, nowMs)
    }
    this.isDirty = this.finished.length > 0 || durable < this.position
    return done
  }

  /** Gives up all of its files. */
  leave(): void {
    for (const generation of [...this.finished, ...this.generations]) this.archive.leave(generation)
  }

  /** Something went wrong with it: it is looked at again later. */
  setAside(nowMs: number): void {
    this.dueMs = nowMs + RETRY_MS
    const [first] = this.generations
    // What was compressed is damaged from there on.
    if (first.source?.isLive === false) first.isVoid = true
  }

  /** Up to where all was read. */
  get position(): number {
    const [first] = this.generations
    return first === undefined ? 0 : first.position
  }

  /** Whether its file could be closed, and opened again when there is something to read. */
  get isIdle(): boolean {
    const [first] = this.generations
    return this.generations.length === 1 && this.goneMs === 0 && first.unread === 0 && first.source?.isLive === true
  }

  private hasWork(nowMs: number): boolean {
    if (this.isEnded) return false
    const [first, next] = this.generations
    return first.unread > 0 || first.isVoid || (next !== undefined && first.source?.isLive !== true) || this.isOver(first, nowMs)
  }

  // At its end: whether nobody writes there any more.
  private isOver(first: Generation, nowMs: number): boolean {
    if (first.isVoid || first.source?.isLive === false) return true
    // Who writes has moved on when a later file is not empty.
    if (this.generations.length > 1) return this.generations.some(({ size }, i) => i > 0 && size > 0)
    return this.goneMs > 0 && nowMs - Math.max(this.goneMs, first.activeMs) >= LINGER_MS
  }

  private async finish(buffer: ReadBuffer, nowMs: number): Promise<number> {
    const [first, next] = this.generations
    const bytes = await first.readRest(buffer, this.lines, nowMs)
    this.finished.push(first)
    this.isDirty = true
    if (next === undefined) {
      this.isEnded = true
      if (!this.isStray) this.archive.counts.rotated('deleted')
      return bytes
    }
    this.generations.shift()
    next.begin(first.end)
    return bytes
  }

  private replaced(nowMs: number): void {
    const last = this.generations[this.generations.length - 1]
    const file = this.open()
    if (file === null) return
    const { archive } = this
    // Renamed into a name that is followed itself, and read there.
    if (archive.isLive(file.stats)) {
      closeSync(file.fd)
      return
    }
    this.goneMs = 0
    if (last.source === null && !archive.reopen(this.realPath, last)) this.lose(last)
    const start = archive.remembered(file)
    this.generations.push(...archive.between(this.realPath, last.bornMs, file), archive.generation(this.path, file, start))
    archive.counts.rotated('renamed')
    this.isDirty = true
    last.look(nowMs)
  }

  // Something is in the file, and before that something else may have been there that was copied and taken out between two looks.
  private begun(last: Generation): void {
    if (last.offset > last.start) return
    const copies = this.archive.between(this.realPath, this.lookedMs - CLOCK_MS, null, [last.head])
    if (copies.length === 0) return
    const { position } = this
    this.generations.splice(this.generations.length - 1, 0, ...copies)
    if (this.generations[0] === copies[0]) copies[0].begin(position)
  }

  // The file is still there, but what was read is not: it was emptied and written anew.
  private truncated(last: Generation, nowMs: number): void {
    const { archive } = this
    archive.counts.rotated('truncated')
    const file = this.open()
    const { source, size, offset } = last
    const copies = archive.emptied(this.realPath, last.here(this.path), this.lookedMs - CLOCK_MS, file)
    this.generations.push(...copies)
    if (copies.length === 0) archive.counts.lost(size - offset, 'truncated')
    last.isVoid = true
    last.source = null
    source?.close()
    this.isDirty = true
    last.activeMs = nowMs
    if (file !== null) this.generations.push(archive.generation(this.path, file))
  }

  // The same, of a file that has left its place.
  private overwritten(first: Generation): void {
    const { archive } = this
    const copies = archive.emptied(this.realPath, first.here(this.path), this.lookedMs - CLOCK_MS, null)
    this.generations.splice(1, 0, ...copies)
    if (copies.length === 0) archive.counts.lost(first.size - first.offset, 'truncated')
    first.isVoid = true
    first.close()
  }

  private lose(generation: Generation): void {
    this.archive.counts.lost(generation.size - generation.offset, 'deleted')
    generation.isVoid = true
  }

  private statsAtPath(): Stats | undefined {
    if (this.isStray) return undefined
    try {
      const stats = statSync(this.path, { throwIfNoEntry: false })
      return stats?.isFile() ? stats : undefined
    } catch (error) {
      this.archive.counts.failed('look at a file', (error as NodeJS.ErrnoException).code ?? 'unknown', this.path)
      return undefined
    }
  }

  private open(): OpenFile | null {
    try {
      return openFile(this.path)
    } catch (error) {
      this.archive.counts.failed('open a file', (error as NodeJS.ErrnoException).code ?? 'unknown', this.path)
      return null
    }
  }
}
