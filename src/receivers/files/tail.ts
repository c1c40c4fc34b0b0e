import type { Archive } from './archive.ts'
import type { FileLines } from './file-lines.ts'
import type { Generation, ReadBuffer } from './generation.ts'
import { LINGER_MS } from './lingering.ts'
import type { Holder, Urgency } from './open-files.ts'
import { nextLookMs } from './pace.ts'
import { Place } from './place.ts'
import { Unsettled } from './unsettled.ts'

/** A file that was quiet for so long needs no memory for its lines. */
const REST_MS = 30_000
/** After something has failed. */
const RETRY_MS = 5_000

/** What is written at one path: the file that is there, and those before it that have not been read to their end, in order. */
export class Tail implements Holder {
  readonly place: Place
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
  private readonly archive: Archive
  private readonly intervalMs: number
  private readonly unsettled: Unsettled

  /** `knownMs`: what was at the path until then is known. `strayMs`: since when it is of no concern what is there; 0: it is. */
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
    this.generations = generations
    this.lines = lines
    this.archive = archive
    this.intervalMs = intervalMs
    this.place = new Place(path, realPath, generations, archive, knownMs, strayMs)
    this.unsettled = new Unsettled(path, archive)
    generations[0].begin(generations[0].start)
  }

  get path(): string {
    return this.place.path
  }

  /** Looks at the path. What is to be sought beside it is sought by `seek`, once all have looked. */
  look(nowMs: number): void {
    this.place.look(nowMs)
  }

  /** Seeks what the look has asked for. Returns whether there is something to read. */
  seek(nowMs: number): boolean {
    const { place, generations, lines } = this
    if (place.seek(this.position, nowMs)) this.isDirty = true
    const [first] = generations
    const isAlone = generations.length === 1
    if (!isAlone || place.goneMs > 0) first.look(nowMs)
    if (isAlone && first.unread === 0) lines.releaseIdle(this.position, nowMs)
    const quietMs = nowMs - Math.max(first.activeMs, first.mtimeMs)
    if (quietMs > REST_MS) lines.rest(this.position)
    const isMoving = place.goneMs > 0 || !isAlone || lines.isWaiting
    this.dueMs = nowMs + (isMoving ? this.intervalMs : nextLookMs(quietMs, this.intervalMs))
    return this.hasWork(nowMs)
  }

  /** Reads a piece. Returns its bytes, and whether there is more to do at once. Throws what the system says. */
  async read(buffer: ReadBuffer, nowMs: number): Promise<{ readonly bytes: number; readonly hasMore: boolean }> {
    const { place, generations } = this
    const [first] = generations
    if (!place.opens(first)) {
      this.dueMs = 0
      return { bytes: 0, hasMore: false }
    }
    if (first.isVoid) return { bytes: await this.finish(buffer, nowMs), hasMore: this.hasWork(nowMs) }
    const { outcome, bytes } = await first.read(buffer, this.lines, nowMs)
    this.isDirty = true
    if (outcome === 'changed') {
      const hasMore = place.changed(first)
      if (!hasMore) this.dueMs = 0
      return { bytes, hasMore }
    }
    if (generations.length === 1 && first.offset > first.start) place.confirm(nowMs)
    if (outcome === 'more') return { bytes, hasMore: true }
    if (first.isCompressed) first.size = first.offset
    if (!this.isOver(first, nowMs)) return { bytes, hasMore: false }
    return { bytes: bytes + (await this.finish(buffer, nowMs)), hasMore: this.hasWork(nowMs) }
  }

  /** Has what is durable remembered. Returns the files that nobody needs to be read any more, for who wants to watch them a little longer. */
  settle(nowMs: number): Generation[] {
    const durable = this.lines.durable(this.position)
    const done = this.unsettled.settle(durable, this.isEnded ? [] : this.generations, nowMs)
    this.isDirty = !this.unsettled.isEmpty || durable < this.position
    return done
  }

  /** Gives up all of its files. */
  leave(): void {
    this.place.leave()
    this.unsettled.leave()
    for (const generation of this.generations) this.archive.leave(generation)
  }

  /** Something went wrong with it: it is looked at again later. */
  setAside(nowMs: number): void {
    this.dueMs = nowMs + RETRY_MS
    const [first] = this.generations
    // What was compressed is damaged from there on.
    if (first.isCompressed) first.isVoid = true
  }

  shed(urgency: Urgency, most: number): number {
    const { generations } = this
    const [first] = generations
    if (urgency === 'idle') return this.isIdle && first.closeIfNamed() ? 1 : 0
    let closed = this.unsettled.shed(most)
    // Those whose turn is far away, first; the next to be read are the next to be deleted, too.
    for (let i = generations.length - 1; i > 0 && closed < most; i--) if (generations[i].closeIfNamed()) closed++
    if (urgency === 'any' && closed < most && first.closeIfNamed()) closed++
    return closed
  }

  /** Up to where all was read. */
  get position(): number {
    const [first] = this.generations
    return first === undefined ? 0 : first.position
  }

  /** Bytes that are known not to have been read yet. */
  get lagBytes(): number {
    let bytes = 0
    if (!this.isEnded) for (const generation of this.generations) bytes += generation.lag
    return bytes
  }

  // Its file could be closed, and opened again when there is something to read.
  private get isIdle(): boolean {
    return this.generations.length === 1 && this.place.goneMs === 0 && this.generations[0].unread === 0
  }

  private hasWork(nowMs: number): boolean {
    if (this.isEnded) return false
    const [first, next] = this.generations
    return (
      first.unread > 0 || first.isVoid || (next !== undefined && (first.source === null || first.isCompressed)) || this.isOver(first, nowMs)
    )
  }

  // At its end: whether nobody writes there any more.
  private isOver(first: Generation, nowMs: number): boolean {
    if (first.isVoid || first.isCompressed) return true
    // Who writes has moved on when a later file is not empty.
    if (this.generations.length > 1) return this.generations.some(({ size }, i) => i > 0 && size > 0)
    const { goneMs } = this.place
    return goneMs > 0 && nowMs - Math.max(goneMs, first.activeMs) >= LINGER_MS
  }

  private async finish(buffer: ReadBuffer, nowMs: number): Promise<number> {
    const [first, next] = this.generations
    const bytes = await first.readRest(buffer, this.lines, nowMs)
    this.unsettled.add(first)
    this.isDirty = true
    if (next === undefined) {
      this.isEnded = true
      this.place.deleted()
      return bytes
    }
    this.generations.shift()
    next.begin(first.end)
    return bytes
  }
}
