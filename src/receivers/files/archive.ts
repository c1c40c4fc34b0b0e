import { closeSync, fstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { type OpenFile, openFile, PlainBytes } from './byte-source.ts'
import type { FileCounts, Rotation } from './counts.ts'
import { BEGINNING, Generation } from './generation.ts'
import { HEAD_BYTES_MIN, headOf, isSame, keyOf, type Mark, type Position } from './identity.ts'
import { Listings } from './listing.ts'
import type { OpenFiles } from './open-files.ts'
import { Opening } from './opening.ts'
import type { Positions } from './positions.ts'
import { type Beside, besideOf, bornOf, type Compressed, findBetween, findMoved, hasVanished, type Moved } from './rotated.ts'

const NONE_COMPRESSED: Compressed = { as: null, sinceMs: Number.POSITIVE_INFINITY }

/** The files that are being read, by their inodes, and what is remembered of others; opens files and finds those that have moved. */
export class Archive {
  readonly positions: Positions
  readonly counts: FileCounts
  /** Generations that belong to somebody. */
  readonly live = new Map<string, Generation>()
  readonly files: OpenFiles
  readonly listings: Listings
  readonly opening: Opening
  private readonly isExcluded: (path: string) => boolean
  /** What is remembered is from an orderly stop. */
  private readonly wasOrderly: boolean

  constructor(positions: Positions, counts: FileCounts, files: OpenFiles, isExcluded: (path: string) => boolean) {
    this.positions = positions
    this.counts = counts
    this.files = files
    this.opening = new Opening(this)
    this.isExcluded = isExcluded
    this.listings = new Listings((reason) => counts.failed('look at a directory', reason, undefined))
    this.wasOrderly = positions.heading?.isLast === true
  }

  /** Whether somebody reads the file already. */
  isLive({ fd, stats }: OpenFile): boolean {
    const generation = this.live.get(keyOf(stats))
    if (generation === undefined || generation.isVoid) return false
    // What is open keeps its inode; of what is not, it may be another file's by now.
    const { head, source } = generation
    return source !== null || head.length < HEAD_BYTES_MIN || headOf(fd, head.length).hash === head.hash
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

  /** Opens a file to become a generation, or to be dismissed; somebody has made room for it. Throws what the system says. */
  arrive(path: string): OpenFile | null {
    const file = openFile(path)
    if (file !== null) this.files.arriving++
    return file
  }

  /** Closes a file that has arrived. */
  dismiss({ fd }: OpenFile): void {
    this.files.arriving--
    closeSync(fd)
  }

  /** A file that has arrived, from where it was read up to, or from its beginning. */
  generation(path: string, file: OpenFile, start: Pick<Position, 'offset' | 'trail'> = BEGINNING): Generation {
    const { fd, stats } = file
    const head = beginningOf(file)
    this.files.arriving--
    return this.enter(new Generation({ path, stats, source: new PlainBytes(fd, this.files), head }, start, Date.now()))
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
   * Begins to ask for what is beside a file; what is asked for together is answered together. The file that is at its path, if any, is open, and is taken
   * for what it is now: if it is emptied from then on, its copy may be missing in the answer, and the next look sees it.
   */
  ask(file: OpenFile | null): number {
    if (file !== null) {
      beginningOf(file)
      file.remembered = this.remembered(file)
    }
    return this.listings.ask()
  }

  /**
   * What has become of files that were at `path`, which leads to `realPath`, and are remembered, and the files that came after them, but for the one
   * that is there now, `until`. Of those that are older than `sinceMs` all are known. What is not found is lost.
   */
  before(
    path: string,
    realPath: string,
    positions: readonly Position[],
    until: OpenFile | null,
    sinceMs: number,
    isAway: boolean,
    askedAt: number
  ): Generation[] {
    const beside = this.beside(realPath, askedAt)
    const heads = this.positions.at(path).map(({ head }) => head)
    const generations: Generation[] = []
    const beginnings: Mark[] = []
    let compressedAs: string | null = null
    const compressedSinceMs = isAway ? sinceMs : Number.POSITIVE_INFINITY
    let firstMs = positions.length === 0 ? sinceMs : Number.POSITIVE_INFINITY
    try {
      for (const position of positions) {
        const isHere = until !== null && keyOf(until.stats) === keyOf(position)
        const found = this.sought(beside, position, isHere)
        const generation = found === null ? null : this.moved(found, position)
        if (found === null && beside.listing.isWhole) this.lost(position, isHere ? 'truncated' : 'deleted')
        if (found?.kind === 'compressed') compressedAs ??= found.path
        if (generation !== null) generations.push(generation)
        if (generation?.isCompressed === false) this.resumed(generation)
        if (isHere) {
          // Emptied: the file is older than its copies.
          beginnings.push(position.head)
          firstMs = Math.min(firstMs, found === null ? sinceMs : bornOf(found.stats))
        } else firstMs = Math.min(firstMs, position.bornMs)
      }
      const compressed = { as: compressedAs, sinceMs: compressedSinceMs }
      generations.push(...this.unknown(beside, firstMs, until, beginnings, compressed, heads))
    } catch (error) {
      for (const generation of generations) this.leave(generation)
      throw error
    }
    // What was compressed is older than what was not.
    const orderOf = ({ isCompressed, bornMs }: Generation): number => (isCompressed ? 0 : bornMs)
    return generations.sort((a, b) => orderOf(a) - orderOf(b))
  }

  /** A file that was read to its end and had left its path, if somebody went on to write there. */
  writtenOn(realPath: string, position: Position, askedAt: number): Generation | null {
    const found = findMoved(this.beside(realPath, askedAt), position, false)
    if (found?.kind === 'renamed' && found.stats.size > position.offset) return this.moved(found, position)
    if (found?.file != null) closeSync(found.file.fd)
    return null
  }

  /**
   * The rest of a file that was emptied since `sinceMs`, if there is a copy that nobody reads, and the copies that were made of what was written there
   * after it. Without any, the rest is lost.
   */
  emptied(path: string, here: Position, sinceMs: number, until: OpenFile | null, askedAt: number): Generation[] {
    const beside = this.beside(path, askedAt)
    const found = this.sought(beside, here, true)
    const copy = found === null ? null : this.moved(found, here)
    const unknown = this.unknown(beside, found === null ? sinceMs : bornOf(found.stats), until, [here.head])
    if (found === null && unknown.length === 0) this.counts.lost(here.size - here.offset, 'truncated')
    return copy === null ? unknown : [copy, ...unknown]
  }

  /** Files that were at `path` since a time, or are copies of what was, and that nobody knows. */
  between(path: string, sinceMs: number, until: OpenFile | null, but: readonly Mark[], askedAt: number): Generation[] {
    return this.unknown(this.beside(path, askedAt), sinceMs, until, but)
  }

  /** Of what is remembered, what is behind the place that was read up to is gone. */
  lost(position: Position, kind: Rotation): void {
    this.counts.lost(position.size - position.offset, kind)
    this.positions.drop(position)
  }

  /** What is beside a path, as of some time after it was asked for. */
  beside(path: string, askedAt: number): Beside {
    return besideOf(path, this.listings.of(dirname(path), askedAt))
  }

  // What has become of a file. What went while it was sought is sought once more in what is there since.
  private sought(beside: Beside, position: Position, isEmptied: boolean): Moved | null {
    const found = findMoved(beside, position, isEmptied)
    if (found !== null || !hasVanished(beside, position)) return found
    return findMoved(this.beside(beside.path, this.ask(null)), position, isEmptied)
  }

  // None that begin as one of `but`, or as the one that is there now, which is to have been opened before: a copy that is being made is one of that.
  private unknown(
    beside: Beside,
    sinceMs: number,
    until: OpenFile | null,
    but: readonly Mark[],
    compressed: Compressed = NONE_COMPRESSED,
    heads: readonly Mark[] = []
  ): Generation[] {
    const beginnings = (until === null ? but : [...but, beginningOf(until)]).filter(tells)
    const isKnown = (file: OpenFile): boolean =>
      file.stats.ino === until?.stats.ino ||
      this.isLive(file) ||
      this.remembered(file) !== undefined ||
      beginnings.some((mark) => headOf(file.fd, mark.length).hash === mark.hash)
    const held: OpenFile[] = []
    const hold = (file: OpenFile): OpenFile | null => {
      const kept = this.hold(file)
      if (kept !== null) held.push(kept)
      return kept
    }
    const known = { excludes: this.isExcluded, isKnown, hold, heads: heads.filter(tells) }
    try {
      return findBetween(beside, sinceMs, known, compressed).map((each) => this.found(each, undefined))
    } catch (error) {
      for (const file of held) this.dismiss(file)
      throw error
    }
  }

  /** What is in an open file now that it is not what was read any more. Null where nothing is open. */
  anew(before: Generation): Generation | null {
    const { source, path } = before
    if (source?.fd === undefined) return null
    const generation = new Generation({ path, stats: fstatSync(source.fd), source, head: headOf(source.fd) }, BEGINNING, Date.now())
    before.source = null
    return this.enter(generation)
  }

  // A file that was sought beside its path. Null where somebody reads it already.
  private moved(moved: Moved, position: Position): Generation | null {
    const { file } = moved
    if (file === null) return this.found(moved, position)
    if (!this.isLive(file)) return this.found({ ...moved, head: beginningOf(file), file: this.hold(file) }, position)
    closeSync(file.fd)
    return null
  }

  private found({ path, stats, file, head, inflatedSize }: Moved, position: Position | undefined): Generation {
    if (file !== null) return this.generation(path, file, position)
    // It is remembered by its own inode from now on: the one that it had before may be another file's already.
    if (position !== undefined && inflatedSize !== null) this.positions.rename(position, stats, Date.now())
    const generation = new Generation({ path, stats, source: null, head: head! }, position ?? BEGINNING, Date.now())
    if (inflatedSize !== null) generation.compressedAs(path, inflatedSize)
    return this.enter(generation)
  }

  // The open file, as one that has arrived; null where there is no room, and it is closed.
  private hold(file: OpenFile): OpenFile | null {
    if (this.files.hasRoom()) {
      this.files.arriving++
      return file
    }
    closeSync(file.fd)
    return null
  }

  /** Somebody reads it. */
  enter(generation: Generation): Generation {
    this.live.set(keyOf(generation), generation)
    return generation
  }
}

// Fewer bytes do not tell it from others.
function tells({ length }: Mark): boolean {
  return length >= HEAD_BYTES_MIN
}

// It is looked at once: what is decided by it holds for the file as it was then, and that it was changed meanwhile shows in the next look.
function beginningOf(file: OpenFile): Mark {
  file.head ??= headOf(file.fd)
  return file.head
}
