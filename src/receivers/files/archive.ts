import { closeSync } from 'node:fs'
import { InflatedBytes, type OpenCount, type OpenFile, openFile, PlainBytes } from './byte-source.ts'
import type { FileCounts } from './counts.ts'
import { BEGINNING, Generation } from './generation.ts'
import { HEAD_BYTES_MIN, headOf, isSame, keyOf, type Mark, type Position } from './identity.ts'
import type { Positions } from './positions.ts'
import { type Beside, besideOf, bornOf, findBetween, findMoved, type Moved } from './rotated.ts'

/** The files that are being read, by their inodes, and what is remembered of others; opens files and finds those that have moved. */
export class Archive {
  readonly positions: Positions
  readonly counts: FileCounts
  /** Generations that belong to somebody. */
  readonly live = new Map<string, Generation>()
  readonly opened: OpenCount = { count: 0 }
  private readonly isExcluded: (path: string) => boolean
  /** What is remembered is from an orderly stop. */
  private readonly wasOrderly: boolean

  constructor(positions: Positions, counts: FileCounts, isExcluded: (path: string) => boolean) {
    this.positions = positions
    this.counts = counts
    this.isExcluded = isExcluded
    this.wasOrderly = positions.heading?.isLast === true
  }

  /** Whether somebody reads the file already. */
  isLive(file: { readonly dev: number; readonly ino: number }): boolean {
    return this.live.has(keyOf(file))
  }

  /** Whether somebody reads the file that is remembered; its inode may be another one's by now. */
  isReading(position: Position): boolean {
    const generation = this.live.get(keyOf(position))
    if (generation === undefined) return false
    const fd = generation.source?.fd
    return fd === undefined || headOf(fd, position.head.length).hash === position.head.hash
  }

  /** How far the file has been read durably, if it is still the one that is remembered. */
  remembered({ fd, stats }: OpenFile): Position | undefined {
    const position = this.positions.of(stats)
    return position !== undefined && isSame(fd, position, stats.size) ? position : undefined
  }

  /** The file from where it was read up to, or from its beginning. */
  generation(path: string, file: OpenFile, start: Pick<Position, 'offset' | 'trail'> = BEGINNING): Generation {
    const { fd, stats } = file
    return this.enter(new Generation({ path, stats, source: new PlainBytes(fd, this.opened), head: beginningOf(file) }, start, Date.now()))
  }

  /** Reading goes on behind what is remembered: counts what may come twice. */
  resumed({ size, offset }: Generation): void {
    if (!this.wasOrderly) this.counts.resumed(size - offset)
  }

  /** Nobody reads it any more. */
  leave(generation: Generation): void {
    const key = keyOf(generation)
    if (this.live.get(key) === generation) this.live.delete(key)
    generation.close()
  }

  /**
   * What has become of files that were at `path`, which leads to `realPath`, and are remembered, and the files that came after them, but for the one that is there now. Of those
   * that are older than `sinceMs` all are known.
   */
  before(path: string, realPath: string, positions: readonly Position[], until: OpenFile, sinceMs: number): Generation[] {
    const beside = besideOf(realPath)
    const heads = this.positions.at(path).map(({ head }) => head)
    const generations: Generation[] = []
    const beginnings: Mark[] = []
    let compressedAs: string | null = null
    let firstMs = positions.length === 0 ? sinceMs : Number.POSITIVE_INFINITY
    for (const position of positions) {
      const found = findMoved(beside, position)
      const generation = found === null ? null : this.moved(found, position)
      if (found?.kind === 'compressed') compressedAs ??= found.path
      if (generation !== null) generations.push(generation)
      if (generation?.source?.isLive) this.resumed(generation)
      if (keyOf(until.stats) === keyOf(position)) {
        // Emptied: the file is older than its copies.
        beginnings.push(position.head)
        firstMs = Math.min(firstMs, found === null ? sinceMs : bornOf(found.stats))
      } else firstMs = Math.min(firstMs, position.bornMs)
    }
    generations.push(...this.unknown(beside, firstMs, until, beginnings, compressedAs === null ? null : { compressedAs, heads }))
    // What was compressed is older than what was not.
    const orderOf = ({ source, bornMs }: Generation): number => (source?.isLive ? bornMs : 0)
    return generations.sort((a, b) => orderOf(a) - orderOf(b))
  }

  /**
   * The rest of a file that was emptied since `sinceMs`, if there is a copy that nobody reads, and the copies that were made of what was written there
   * after it.
   */
  emptied(path: string, here: Position, sinceMs: number, until: OpenFile | null): Generation[] {
    const beside = besideOf(path)
    const found = findMoved(beside, here)
    const copy = found === null ? null : this.moved(found, here)
    const unknown = this.unknown(beside, found === null ? sinceMs : bornOf(found.stats), until, [here.head], null)
    return copy === null ? unknown : [copy, ...unknown]
  }

  /** Files that were at `path` since a time, or are copies of what was, and that nobody knows. */
  between(path: string, sinceMs: number, until: OpenFile | null, but: readonly Mark[] = []): Generation[] {
    return this.unknown(besideOf(path), sinceMs, until, but, null)
  }

  // None that begin as one of `but`, or as the one that is there now, which is to have been opened before: a copy that is being made is one of that.
  private unknown(
    beside: Beside,
    sinceMs: number,
    until: OpenFile | null,
    but: readonly Mark[],
    compressed: { readonly compressedAs: string; readonly heads: readonly Mark[] } | null
  ): Generation[] {
    const beginnings = (until === null ? but : [...but, beginningOf(until)]).filter(({ length }) => length >= HEAD_BYTES_MIN)
    const isKnown = (file: OpenFile): boolean =>
      file.stats.ino === until?.stats.ino ||
      this.isLive(file.stats) ||
      this.remembered(file) !== undefined ||
      beginnings.some((mark) => headOf(file.fd, mark.length).hash === mark.hash)
    const known = { excludes: this.isExcluded, isKnown, heads: compressed?.heads ?? [] }
    const found = findBetween(beside, sinceMs, known, compressed?.compressedAs ?? null)
    return found.map((each) => this.moved(each, undefined)).filter((each) => each !== null)
  }

  /** Opens a generation that was closed, where it is now. Null: it cannot be found. */
  reopen(path: string, generation: Generation): boolean {
    const here = generation.here(path)
    const file = openFileOrNone(generation.path)
    if (file !== null && keyOf(file.stats) === keyOf(generation) && isSame(file.fd, here, file.stats.size)) {
      generation.source = new PlainBytes(file.fd, this.opened)
      return true
    }
    if (file !== null) closeSync(file.fd)
    const found = findMoved(besideOf(path), here)
    if (found === null) return false
    generation.source = found.file === null ? new InflatedBytes(found.path, this.opened) : new PlainBytes(found.file.fd, this.opened)
    generation.size = found.file === null ? Number.MAX_SAFE_INTEGER : found.stats.size
    return true
  }

  // A file that was found beside its path. Null where somebody reads it already.
  private moved({ path, stats, file, head }: Moved, position: Position | undefined): Generation | null {
    const start = position ?? BEGINNING
    if (file !== null) {
      if (!this.isLive(stats)) return this.generation(path, file, start)
      closeSync(file.fd)
      return null
    }
    // It is remembered by its own inode from now on: the one that it had before may be another file's already.
    if (position !== undefined) this.positions.rename(position, stats, Date.now())
    const source = new InflatedBytes(path, this.opened)
    const generation = new Generation({ path, stats, source, head: head! }, start, Date.now())
    generation.size = Number.MAX_SAFE_INTEGER
    return this.enter(generation)
  }

  private enter(generation: Generation): Generation {
    this.live.set(keyOf(generation), generation)
    return generation
  }
}

// It is looked at once: what is decided by it holds for the file as it was then, and that it was changed meanwhile shows in the next look.
function beginningOf(file: OpenFile): Mark {
  file.head ??= headOf(file.fd)
  return file.head
}

function openFileOrNone(path: string): OpenFile | null {
  try {
    return openFile(path)
  } catch {
    return null
  }
}
