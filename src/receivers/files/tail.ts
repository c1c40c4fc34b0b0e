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

/** What a look at a path has come to, so that more is to be sought beside it. The file that is at the path now is open. */
interface Question {
  readonly kind: 'replaced' | 'emptied' | 'begun'
  readonly file: OpenFile | null
  readonly askedAt: number
}

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
  /** Until then, all that has been at its path is known. */
  private knownMs: number
  /** When it was last looked at, and whether what is there is surely what was read of it. */
  private lookedMs = 0
  private isSure = true
  /** What was read of it is not there any more. */
  private isChanged = false
  private question: Question | null = null
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
    knownMs: number,
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
    this.knownMs = knownMs
    generations[0].begin(generations[0].start)
  }

  /** Looks at the path. What is to be sought beside it is sought by `seek`, once all have looked. */
  look(nowMs: number): void {
    const last = this.generations[this.generations.length - 1]
    this.lookedMs = Date.now()
    this.isSure = true
    const stats = this.statsAtPath()
    if (stats === undefined) {
      if (this.goneMs === 0) this.goneMs = nowMs
    } else if (keyOf(stats) !== keyOf(last) || last.isVoid) {
      const file = this.open()
      if (file !== null) this.ask('replaced', file)
    } else {
      this.goneMs = 0
      const { length } = last.head
      const isUntouched = stats.size === last.size && stats.mtimeMs === last.mtimeMs
      this.isSure = isUntouched || (last.offset === last.start && length >= HEAD_BYTES_MIN)
      if (this.isChanged || stats.size < last.offset || !last.observe(stats, nowMs)) this.ask('emptied', this.open())
      else if (length < HEAD_BYTES_MIN && last.head.length >= HEAD_BYTES_MIN) this.ask('begun', null)
    }
  }

  /** Seeks what the look has asked for. Returns whether there is something to read. */
  seek(nowMs: number): boolean {
    this.answer(nowMs)
    const last = this.generations[this.generations.length - 1]
    if (this.isSure) this.knownMs = this.lookedMs
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
    if (outcome === 'changed') return { bytes, hasMore: this.changed(first) }
    if (this.generations.length === 1 && first.offset > first.start) this.knownMs = Math.max(this.knownMs, nowMs)
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
      this.note(durable, nowMs)
    }
    this.isDirty = this.finished.length > 0 || durable < this.position
    return done
  }

  // Remembers those that are not durable in any part: if they are gone when reading goes on another time, it is known how much that was.
  private note(durable: number, nowMs: number): void {
    const all = [...this.finished, ...this.generations]
    for (let i = 1; i < all.length; i++) {
      // What a file held that was emptied may not be durable yet, and is found by what is remembered of that.
      if (all[i - 1].isVoid) return
      const generation = all[i]
      if (generation.notedSize === generation.size) continue
      generation.notedSize = generation.size
      const position = generation.remember(this.path, durable, false)
      if (position !== null) this.archive.positions.set(position, nowMs)
    }
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

  private ask(kind: Question['kind'], file: OpenFile | null): void {
    this.question = { kind, file, askedAt: this.archive.ask(file) }
  }

  private answer(nowMs: number): void {
    const { question } = this
    if (question === null) return
    this.question = null
    this.isSure = true
    const { kind, file, askedAt } = question
    if (kind === 'replaced') this.replaced(file!, askedAt, nowMs)
    else if (kind === 'emptied') this.truncated(file, askedAt, nowMs)
    else this.begun(askedAt)
  }

  private replaced(file: OpenFile, askedAt: number, nowMs: number): void {
    const last = this.generations[this.generations.length - 1]
    const { archive } = this
    // Renamed into a name that is followed itself, and read there.
    if (archive.isLive(file)) {
      closeSync(file.fd)
      return
    }
    this.goneMs = 0
    if (last.source === null && !last.isVoid && !archive.reopen(this.realPath, last)) this.lose(last)
    const next = archive.generation(this.path, file, file.remembered)
    this.generations.push(...archive.between(this.realPath, last.bornMs, file, [], askedAt), next)
    archive.counts.rotated('renamed')
    this.isDirty = true
    last.look(nowMs)
  }

  // Something is in the file, and before that something else may have been there that was copied and taken out between two looks.
  private begun(askedAt: number): void {
    const last = this.generations[this.generations.length - 1]
    if (last.offset > last.start) return
    const copies = this.archive.between(this.realPath, this.knownMs - CLOCK_MS, null, [last.head], askedAt)
    if (copies.length === 0) return
    const { position } = this
    this.generations.splice(this.generations.length - 1, 0, ...copies)
    if (this.generations[0] === copies[0]) copies[0].begin(position)
  }

  // What was read is gone. At its path, that is for the next look, together with others. Returns whether there is more to read at once.
  private changed(first: Generation): boolean {
    if (this.generations.length > 1 || this.goneMs > 0) {
      this.overwritten(first)
      return true
    }
    this.isChanged = true
    this.dueMs = 0
    return false
  }

  // The file is still there, but what was read is not: it was emptied and written anew.
  private truncated(file: OpenFile | null, askedAt: number, nowMs: number): void {
    const last = this.generations[this.generations.length - 1]
    const { archive } = this
    archive.counts.rotated('truncated')
    const { source, size, offset } = last
    const copies = archive.emptied(this.realPath, last.here(this.path), this.knownMs - CLOCK_MS, file, askedAt)
    this.generations.push(...copies)
    if (copies.length === 0) archive.counts.lost(size - offset, 'truncated')
    last.isVoid = true
    last.source = null
    source?.close()
    this.isChanged = false
    this.isDirty = true
    last.activeMs = nowMs
    if (file !== null) this.generations.push(archive.generation(this.path, file))
  }

  // The same, of a file that has left its place. What is in it now is read from its beginning.
  private overwritten(first: Generation): void {
    const { archive } = this
    const copies = archive.emptied(this.realPath, first.here(this.path), this.knownMs - CLOCK_MS, null, archive.ask(null))
    if (copies.length === 0) archive.counts.lost(first.size - first.offset, 'truncated')
    const anew = archive.anew(first)
    this.generations.splice(1, 0, ...copies, ...(anew === null ? [] : [anew]))
    first.isVoid = true
    first.close()
    this.isChanged = false
  }

  private lose(generation: Generation): void {
    this.archive.lost(generation.here(this.path), 'deleted')
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
