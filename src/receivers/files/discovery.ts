import { readSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Archive } from './archive.ts'
import type { OpenFile } from './byte-source.ts'
import { ContainerLine } from './container-line.ts'
import { BEGINNING, type Generation } from './generation.ts'
import { matcherOf } from './glob.ts'
import { HEAD_BYTES, HEAD_BYTES_MIN, headOf, isSame, keyOf, type Position, TRAIL_BYTES } from './identity.ts'
import { LINGER_MS } from './lingering.ts'
import type { StartAt } from './options.ts'
import { containerOf } from './origin.ts'
import { isCompressed } from './rotated.ts'

const NEWLINE = 10
/** Files that were made while the saved positions were being written may not be in them. */
const SAVE_MS = 2_000

const wrapped = new ContainerLine()
const scratch = Buffer.alloc(HEAD_BYTES)

export interface DiscoverySettings {
  readonly startAt: StartAt
  readonly ignoreOlderMs: number
}

/** Decides from where a file is read that nobody reads yet, and which files have to be read before it. */
export class Discovery {
  /** Files that are found from now on were not there at the start. */
  isStarted = false
  private readonly settings: DiscoverySettings
  private readonly archive: Archive
  private readonly cameLater: (path: string) => boolean
  /** Since when every file that appeared is remembered, or new. */
  private readonly knownSinceMs: number

  constructor(settings: DiscoverySettings, archive: Archive, nowMs: number) {
    this.settings = settings
    this.archive = archive
    const { heading } = archive.positions
    this.cameLater = heading === null ? () => false : matcherOf(heading.include)
    this.knownSinceMs = heading === null ? nowMs : heading.atMs - SAVE_MS
  }

  /** The files to read at a path, the oldest first. Null: it is not to be read now, and the file is closed. */
  admit(
    path: string,
    file: OpenFile,
    askedAt: number,
    followed: (path: string) => Generation | undefined,
    nowMs: number
  ): Generation[] | null {
    const { archive } = this
    const { stats, fd } = file
    if (archive.isLive(file) || isCompressed(fd) || this.isCopy(path, file, followed)) {
      archive.dismiss(file)
      return null
    }
    const realPath = realPathOf(path)
    const { remembered } = file
    const isLater = this.isStarted || this.cameLater(path)
    const unread: Position[] = []
    let isSure = !isLater
    for (const position of archive.positions.at(path)) {
      const isHere = remembered !== undefined && keyOf(position) === keyOf(stats)
      // If it had but a few bytes, it may have been emptied and written anew all the same.
      if (isHere && position.head.length >= HEAD_BYTES_MIN) isSure = true
      else if (!isHere && !position.isDone && !archive.isReading(position)) unread.push(position)
    }
    const before =
      unread.length === 0 && isSure ? [] : archive.before(path, realPath, unread, file, this.knownSinceMs, !this.isStarted, askedAt)
    const start = remembered ?? { ...BEGINNING, offset: this.start(path, realPath, file, isLater, nowMs) }
    const generation = archive.generation(path, file, start)
    if (remembered !== undefined) archive.resumed(generation)
    else if (generation.offset > 0 && !endsLine(fd, generation.offset)) generation.skipLine()
    return [...before, generation]
  }

  /** The files that were at a path where nothing is now, and have not been read to their end. */
  gone(path: string, askedAt: number): Generation[] {
    const { archive } = this
    const unread = archive.positions.at(path).filter((position) => !position.isDone && !archive.isReading(position))
    return unread.length === 0 ? [] : archive.before(path, realPathOf(path), unread, null, this.knownSinceMs, !this.isStarted, askedAt)
  }

  /** Files that were watched a little longer when somebody last looked, and were written on since. */
  writtenOn(askedAt: number): { readonly path: string; readonly generation: Generation }[] {
    const { archive } = this
    const { heading } = archive.positions
    if (heading === null) return []
    const found: { readonly path: string; readonly generation: Generation }[] = []
    for (const position of archive.positions.doneSince(heading.atMs - LINGER_MS)) {
      const { path } = position
      try {
        const generation = archive.isReading(position) ? null : archive.writtenOn(realPathOf(path), position, askedAt)
        if (generation !== null) found.push({ path, generation })
      } catch (error) {
        archive.counts.broke('look for a file', error, path)
      }
    }
    return found
  }

  private start(path: string, realPath: string, { fd, stats }: OpenFile, isLater: boolean, nowMs: number): number {
    const { startAt, ignoreOlderMs } = this.settings
    if (nowMs - stats.mtimeMs > ignoreOlderMs) return stats.size
    if (isLater || startAt === 'beginning') return 0
    if (startAt === 'end') return stats.size
    return isContainers(path, realPath, fd) ? 0 : stats.size
  }

  // Rotation by copying makes a second file of what is being read. It is read, from where that was, when the first one has been emptied.
  private isCopy(path: string, file: OpenFile, followed: (path: string) => Generation | undefined): boolean {
    const name = basename(path)
    for (let at = name.length - 1; at > 0; at--) {
      if (!'.-_'.includes(name[at])) continue
      const [stem, extension] = [name.slice(0, at), name.slice(name.lastIndexOf('.'))]
      for (const original of [stem, stem + extension]) {
        const generation = original === name ? undefined : followed(join(dirname(path), original))
        if (generation !== undefined && isBeginningOf(file, generation, path)) return true
      }
    }
    return false
  }
}

// Whether a file is another one as far as that was read, or as far as it goes itself: it may be growing yet.
function isBeginningOf({ fd, stats }: OpenFile, generation: Generation, path: string): boolean {
  const { head, offset, source } = generation
  if (head.length < HEAD_BYTES_MIN || headOf(fd, head.length).hash !== head.hash) return false
  if (stats.size >= offset) return isSame(fd, generation.here(path), stats.size)
  const length = Math.min(stats.size, TRAIL_BYTES)
  const [mine, other] = [fd, source?.fd].map((each) => {
    const stretch = Buffer.alloc(length)
    return each === undefined ? null : stretch.subarray(0, readSync(each, stretch, 0, length, stats.size - length))
  })
  return other === null || other.length < length || mine?.equals(other) === true
}

/** Where the links of a path lead. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Whether lines of a container are written there: known by the path, or by the first line. */
function isContainers(path: string, realPath: string, fd: number): boolean {
  if (Object.keys(containerOf(path, realPath)).length > 0) return true
  const length = readSync(fd, scratch, 0, HEAD_BYTES, 0)
  const newline = scratch.subarray(0, length).indexOf(NEWLINE)
  const end = newline < 0 ? length : newline
  return wrapped.cri(scratch, 0, end) || (scratch[0] === 123 && wrapped.docker(scratch.toString('utf8', 0, end)))
}

function endsLine(fd: number, offset: number): boolean {
  return readSync(fd, scratch, 0, 1, offset - 1) === 1 && scratch[0] === NEWLINE
}
