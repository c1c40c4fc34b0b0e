import { closeSync, type Stats, statSync } from 'node:fs'
import type { Archive } from './archive.ts'
import { isExhausted, type OpenFile, openOrNone } from './byte-source.ts'
import type { Generation } from './generation.ts'
import { HEAD_BYTES_MIN, headOf, keyOf } from './identity.ts'

/** So far behind the clock of files may be. */
const CLOCK_MS = 10

/** What a look at a path has come to, so that more is to be sought beside it. The file that is at the path now is open. */
interface Question {
  readonly kind: 'replaced' | 'emptied' | 'begun'
  readonly file: OpenFile | null
  readonly askedAt: number
}

/** A path where files follow each other: sees what has become of the last one that is known, and finds those that came after it. */
export class Place {
  readonly path: string
  /** Where the links of the path led. */
  readonly realPath: string
  /** Since when nothing is at the path; 0 while something is. */
  goneMs: number
  /** The oldest first; never empty. Somebody reads them, and takes away what is read. */
  private readonly generations: Generation[]
  private readonly archive: Archive
  /** What is at the path is not its concern. */
  private readonly isStray: boolean
  /** Until then, all that has been at its path is known. */
  private knownMs: number
  /** When it was last looked at, and whether what is there is surely what was read of it. */
  private lookedMs = 0
  private isSure = true
  /** What was read of it is not there any more. */
  private isChanged = false
  private question: Question | null = null

  constructor(path: string, realPath: string, generations: Generation[], archive: Archive, knownMs: number, strayMs: number) {
    this.path = path
    this.realPath = realPath
    this.generations = generations
    this.archive = archive
    this.isStray = strayMs > 0
    this.goneMs = strayMs
    this.knownMs = knownMs
  }

  /** Looks at the path. What is to be sought beside it is sought by `seek`, once all have looked. */
  look(nowMs: number): void {
    const { last } = this
    this.lookedMs = Date.now()
    this.isSure = true
    const stats = this.statsAtPath()
    if (stats === undefined) {
      if (this.goneMs === 0) this.goneMs = nowMs
    } else if (keyOf(stats) !== keyOf(last) || last.isVoid) this.ask('replaced')
    else {
      this.goneMs = 0
      const { length } = last.head
      const isUntouched = stats.size === last.size && stats.mtimeMs === last.mtimeMs
      this.isSure = isUntouched || (last.source !== null && last.offset === last.start && length >= HEAD_BYTES_MIN)
      // What is not open is known by less: any file that shrinks was emptied, and one that had little in it is to be looked into.
      const hasShrunk = stats.size < (last.source === null ? last.size : last.offset)
      const isKept = last.source !== null || length >= HEAD_BYTES_MIN || stats.size === length || this.seesBeginning(last)
      if (this.isChanged || hasShrunk || !isKept || !last.observe(stats, nowMs)) this.ask('emptied')
      else if (length < HEAD_BYTES_MIN && last.head.length >= HEAD_BYTES_MIN) this.ask('begun')
    }
  }

  /** Seeks what the look has asked for. `position`: up to where all was read. Returns whether there are other files than before. */
  seek(position: number, nowMs: number): boolean {
    const { question } = this
    this.question = null
    const hasChanged = question !== null && this.answer(question, position, nowMs)
    if (this.isSure) this.knownMs = this.lookedMs
    return hasChanged
  }

  /** The file at the path was read on, and was still the one that it was. */
  confirm(nowMs: number): void {
    this.knownMs = Math.max(this.knownMs, nowMs)
  }

  /** What was read of the first file is gone. At its path, that is for the next look, together with others. Returns whether it is known now what is there. */
  changed(first: Generation): boolean {
    if (this.generations.length === 1 && this.goneMs === 0) {
      this.isChanged = true
      return false
    }
    this.overwritten(first)
    return true
  }

  /** Opens a file, if it is not open. Where it cannot be found it is lost, and there is nothing to read. False: it cannot be read before the next look. */
  opens(generation: Generation): boolean {
    if (generation.source !== null || generation.isVoid) return true
    const isAtPath = generation === this.last && this.goneMs === 0
    const outcome = this.archive.opening.open(this.realPath, generation, isAtPath)
    if (outcome === 'changed') this.isChanged = true
    if (outcome === 'gone') this.archive.lost(generation.here(this.path), 'deleted')
    if (outcome === 'gone' || outcome === 'taken') generation.isVoid = true
    return outcome !== 'full' && outcome !== 'changed'
  }

  /** Nobody was there to count it before. */
  deleted(): void {
    if (!this.isStray) this.archive.counts.rotated('deleted')
  }

  leave(): void {
    if (this.question?.file != null) this.archive.dismiss(this.question.file)
    this.question = null
  }

  private get last(): Generation {
    return this.generations[this.generations.length - 1]
  }

  // Where there is no room for the file that is there, the next look sees the same.
  private ask(kind: Question['kind']): void {
    const { archive } = this
    if (kind === 'begun') {
      this.question = { kind, file: null, askedAt: archive.ask(null) }
      return
    }
    const hasRoom = archive.files.hasRoom()
    const file = hasRoom ? this.open() : null
    if (hasRoom && (file !== null || kind === 'emptied')) this.question = { kind, file, askedAt: archive.ask(file) }
    else this.isSure = false
  }

  private answer({ kind, file, askedAt }: Question, position: number, nowMs: number): boolean {
    this.isSure = true
    if (kind === 'begun') return this.begun(position, askedAt)
    const { files } = this.archive
    const { arriving } = files
    try {
      return kind === 'replaced' ? this.replaced(file!, askedAt, nowMs) : this.emptied(file, askedAt, nowMs)
    } catch (error) {
      // The next look sees the same.
      if (file !== null && files.arriving === arriving) this.archive.dismiss(file)
      throw error
    }
  }

  private replaced(file: OpenFile, askedAt: number, nowMs: number): boolean {
    const { archive, last } = this
    // Renamed into a name that is followed itself, and read there.
    if (archive.isLive(file)) {
      archive.dismiss(file)
      return false
    }
    const between = archive.between(this.realPath, last.bornMs, file, [], askedAt)
    this.goneMs = 0
    // Before it is compressed, or deleted.
    if (archive.files.hasRoom()) this.opens(last)
    this.generations.push(...between, archive.generation(this.path, file, file.remembered))
    archive.counts.rotated('renamed')
    last.look(nowMs)
    return true
  }

  // Something is in the file, and before that something else may have been there that was copied and taken out between two looks.
  private begun(position: number, askedAt: number): boolean {
    const { last, generations } = this
    if (last.offset > last.start) return false
    const copies = this.archive.between(this.realPath, this.knownMs - CLOCK_MS, null, [last.head], askedAt)
    if (copies.length === 0) return false
    generations.splice(generations.length - 1, 0, ...copies)
    if (generations[0] === copies[0]) copies[0].begin(position)
    return true
  }

  // The file is still there, but what was read is not: it was emptied and written anew.
  private emptied(file: OpenFile | null, askedAt: number, nowMs: number): boolean {
    const { archive, last } = this
    const copies = archive.emptied(this.realPath, last.here(this.path), this.knownMs - CLOCK_MS, file, askedAt)
    archive.counts.rotated('truncated')
    last.isVoid = true
    last.close()
    last.activeMs = nowMs
    this.isChanged = false
    this.generations.push(...copies)
    if (file !== null) this.generations.push(archive.generation(this.path, file))
    return true
  }

  // The same, of a file that has left its place. What is in it now is read from its beginning.
  private overwritten(first: Generation): void {
    const { archive } = this
    const copies = archive.emptied(this.realPath, first.here(this.path), this.knownMs - CLOCK_MS, null, archive.ask(null))
    const anew = archive.anew(first)
    this.generations.splice(1, 0, ...copies, ...(anew === null ? [] : [anew]))
    first.isVoid = true
    first.close()
    this.isChanged = false
  }

  // A file that was closed when there was little in it is known by nothing yet: what there is now is looked at before it may be emptied again.
  private seesBeginning(last: Generation): boolean {
    const file = openOrNone(this.path)
    if (file === null) return true
    const isSame = headOf(file.fd, last.head.length).hash === last.head.hash
    if (isSame) last.head = headOf(file.fd)
    closeSync(file.fd)
    return isSame
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
      return this.archive.arrive(this.path)
    } catch (error) {
      if (isExhausted(error)) throw error
      this.archive.counts.failed('open a file', (error as NodeJS.ErrnoException).code ?? 'unknown', this.path)
      return null
    }
  }
}
