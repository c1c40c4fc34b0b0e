import { closeSync, openSync, readSync, type Stats } from 'node:fs'
import { basename } from 'node:path'
import { constants, gunzipSync } from 'node:zlib'
import { inflatedSize, type OpenFile, openOrNone } from './byte-source.ts'
import { HEAD_BYTES, HEAD_BYTES_MIN, headOf, isSame, type Mark, markOf, type Position } from './identity.ts'
import type { Listing } from './listing.ts'

/** So much of a compressed file is enough to know its beginning. */
const COMPRESSED_HEAD_BYTES = 4096

/** What others keep beside logs. */
const NO_LOG = /\.(?:tmp|temp|swp|lock|lck|pid|part)$|~$/

/** A file that once was at a path: as it was, as a copy, or compressed. */
export interface Moved {
  readonly kind: 'renamed' | 'copied' | 'compressed' | 'between'
  readonly path: string
  readonly stats: Stats
  /** Open, if it is plain and there is room. */
  readonly file: OpenFile | null
  /** How it begins, if it is not open. */
  readonly head: Mark | null
  /** How large it was before it was compressed, as it says itself. Null: it is not compressed. */
  readonly inflatedSize: number | null
}

/** What somebody knows of files: those that are read already, or are not to be. */
export interface Known {
  excludes(path: string): boolean
  isKnown(file: OpenFile): boolean
  /** The file, to be held open; null where there is no room, and it is closed. */
  hold(file: OpenFile): OpenFile | null
  /** Beginnings of files that were at the path. */
  readonly heads: readonly Mark[]
}

/** The files beside one, at one moment, and the names of those that may have been at its path. */
export interface Beside {
  readonly path: string
  readonly listing: Listing
  readonly names: readonly string[]
}

/** What is beside a path, in its directory. */
export function besideOf(path: string, listing: Listing): Beside {
  const base = basename(path)
  const dot = base.lastIndexOf('.')
  const names = listing.beginningWith(dot > 0 ? base.slice(0, dot) : base).filter((name) => isRotation(name, base))
  return { path, listing, names }
}

/** Whether a name is one that rotation gives: `app.log.1`, `0.log.20260814-120000.gz`, `app-20260814.log`. */
export function isRotation(name: string, base: string): boolean {
  if (name.startsWith(base)) return name.length > base.length + 1 && '.-_'.includes(name[base.length]) && !NO_LOG.test(name)
  const dot = base.lastIndexOf('.')
  if (dot <= 0 || !name.startsWith(base.slice(0, dot))) return false
  const [stem, extension] = [base.slice(0, dot), base.slice(dot)]
  const plain = name.endsWith('.gz') ? name.slice(0, -3) : name
  if (!plain.endsWith(extension) || plain.length <= base.length + 1) return false
  return /^[.\-_][\d.\-_T:Z]*\d[\d.\-_T:Z]*$/.test(plain.slice(stem.length, -extension.length))
}

/**
 * Finds what has become of a file that was at a path, by its inode, and where that is gone, or still at the path but `isEmptied`, by what it holds.
 * Null: it is not in its directory, or not as it was.
 */
export function findMoved({ listing, names }: Beside, position: Position, isEmptied: boolean): Moved | null {
  if (!isEmptied) {
    for (const name of placesOf(listing, names, position)) {
      const moved = openAs('renamed', listing, name, position)
      if (moved !== null && moved.stats.ino === position.ino) return moved
      if (moved !== null) closeSync(moved.file!.fd)
    }
  }
  const { length, hash } = position.head
  if (length < HEAD_BYTES_MIN) return null
  const compressed: string[] = []
  const plain: { name: string; stats: Stats }[] = []
  for (const name of names) {
    const stats = listing.statsOf(name)
    if (stats === null) continue
    if (name.endsWith('.gz')) compressed.push(name)
    else if (stats.size >= position.offset) plain.push({ name, stats })
  }
  // The last copy first: most often it is the one.
  plain.sort((a, b) => bornOf(b.stats) - bornOf(a.stats))
  for (const { name } of plain) {
    const head = listing.headOf(name)
    if (head === null || head.length < length || (head.length === length && head.hash !== hash)) continue
    const moved = openAs('copied', listing, name, position)
    if (moved !== null) return moved
  }
  for (const name of compressed) {
    const path = listing.pathOf(name)
    const stats = listing.statsOf(name)
    const size = stats === null ? null : compressedSize(path, position.head)
    if (size !== null) return { kind: 'compressed', path, stats: stats!, file: null, head: position.head, inflatedSize: size }
  }
  return null
}

/** Whether something went from beside a path since the directory was listed: what is not found may have been compressed, or renamed again, meanwhile. */
export function hasVanished({ listing, names }: Beside, file: Position): boolean {
  if (names.some((name) => listing.statsOf(name) === null)) return true
  return placesOf(listing, names, file).some((name) => !listing.isStill(name))
}

/** How large a compressed file was before, as it says itself; null where it is not one that began so. */
export function compressedSize(path: string, { length, hash }: Mark): number | null {
  return markOfFirst(inflatedHead(path), length)?.hash === hash ? sizeBefore(path) : null
}

// Where a file is by its inode: under a name that rotation gives, or any other.
function placesOf(listing: Listing, names: readonly string[], { dev, ino }: Position): readonly string[] {
  const name = names.find((each) => {
    const stats = listing.statsOf(each)
    return stats !== null && stats.ino === ino && stats.dev === dev
  })
  return name === undefined ? listing.namesOf({ dev, ino }) : [name]
}

function openAs(kind: 'renamed' | 'copied', listing: Listing, name: string, position: Position): Moved | null {
  const path = listing.pathOf(name)
  const file = openOrNone(path)
  if (file === null) return null
  if (file.stats.size >= position.offset && isSame(file.fd, position, file.stats.size))
    return { kind, path, stats: file.stats, file, head: null, inflatedSize: null }
  closeSync(file.fd)
  return null
}

/** Which compressed files may have been at a path unseen: those that came after `as`, which was, and those that were written since a time. */
export interface Compressed {
  readonly as: string | null
  readonly sinceMs: number
}

/** The files that were at a path for a while since `sinceMs`, the oldest first, and that nobody knows; compressed ones as `compressed` says. */
export function findBetween({ path, listing, names }: Beside, sinceMs: number, known: Known, compressed: Compressed): Moved[] {
  const base = basename(path)
  const found: Moved[] = []
  const looked: { readonly name: string; readonly stats: Stats }[] = []
  for (const name of names) {
    const stats = listing.statsOf(name)
    if (stats?.isFile() && stats.size > 0) looked.push({ name, stats })
  }
  // The oldest are the next to be deleted, and are to be open first.
  for (const { name, stats } of looked.sort((a, b) => bornOf(a.stats) - bornOf(b.stats))) {
    const at = listing.pathOf(name)
    if (name.endsWith('.gz')) {
      const isNext = compressed.as !== null && isLater(name, basename(compressed.as), base)
      // What is compressed keeps the time when it was written last.
      if ((!isNext && stats.mtimeMs < compressed.sinceMs) || known.excludes(at)) continue
      const bytes = inflatedHead(at)
      const head = markOfFirst(bytes, HEAD_BYTES)
      if (head === null || known.heads.some(({ length, hash }) => markOfFirst(bytes, length)?.hash === hash)) continue
      found.push({ kind: 'between', path: at, stats, file: null, head, inflatedSize: sizeBefore(at) ?? 0 })
    } else if (bornOf(stats) >= sinceMs && !known.excludes(at)) {
      const file = openOrNone(at)
      if (file === null) continue
      if (known.isKnown(file)) closeSync(file.fd)
      else
        found.push({
          kind: 'between',
          path: at,
          stats: file.stats,
          head: file.head ?? headOf(file.fd),
          file: known.hold(file),
          inflatedSize: null
        })
    }
  }
  return found.sort((a, b) => (a.inflatedSize === null ? 1 : 0) - (b.inflatedSize === null ? 1 : 0) || orderOf(a, b, base))
}

/** When a file was made; where the file system does not say, when it was last written, which is later. */
export function bornOf({ birthtimeMs, mtimeMs }: Stats): number {
  return birthtimeMs > 0 ? birthtimeMs : mtimeMs
}

/** Whether the file is one of gzip. */
export function isCompressed(fd: number): boolean {
  const magic = Buffer.alloc(2)
  return readSync(fd, magic, 0, 2, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b
}

/** The first bytes of a compressed file, as they were before. Null where that cannot be known. */
function inflatedHead(path: string): Buffer | null {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const bytes = Buffer.alloc(COMPRESSED_HEAD_BYTES)
    const got = readSync(fd, bytes, 0, bytes.length, 0)
    return gunzipSync(bytes.subarray(0, got), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return null
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function sizeBefore(path: string): number | null {
  const file = openOrNone(path)
  if (file === null) return null
  const size = inflatedSize(file)
  closeSync(file.fd)
  return size
}

function markOfFirst(bytes: Buffer | null, lengthMax: number): Mark | null {
  if (bytes === null) return null
  const head = bytes.subarray(0, lengthMax)
  return markOf(head, head.length)
}

// `app.log.1.gz` came after `app.log.2.gz`, but `0.log.20260815-1` after `0.log.20260814-9`.
function isLater(name: string, than: string, base: string): boolean {
  const [a, b] = [name, than].map((each) => each.slice(base.length + 1).replace(/\.gz$/, ''))
  return /^\d{1,4}$/.test(a) && /^\d{1,4}$/.test(b) ? Number(a) < Number(b) : a > b
}

function orderOf(a: Moved, b: Moved, base: string): number {
  if (a.inflatedSize !== null && b.inflatedSize !== null) return isLater(basename(a.path), basename(b.path), base) ? 1 : -1
  return bornOf(a.stats) - bornOf(b.stats) || a.stats.mtimeMs - b.stats.mtimeMs
}
