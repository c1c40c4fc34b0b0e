import { closeSync, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { constants, gunzipSync } from 'node:zlib'
import { type OpenFile, openFile } from './byte-source.ts'
import { HEAD_BYTES, HEAD_BYTES_MIN, isSame, type Mark, markOf, type Position } from './identity.ts'

/** Files of one directory that are looked at for one that was moved. */
const NAMES_MAX = 4096
/** So much of a compressed file is enough to know its beginning. */
const COMPRESSED_HEAD_BYTES = 4096

/** What others keep beside logs. */
const NO_LOG = /\.(?:tmp|temp|swp|lock|lck|pid|part)$|~$/

/** A file that once was at a path: as it was, as a copy, or compressed. Plain ones are open. */
export interface Moved {
  readonly kind: 'renamed' | 'copied' | 'compressed' | 'between'
  readonly path: string
  readonly stats: Stats
  /** Null where it is compressed. */
  readonly file: OpenFile | null
  readonly head: Mark | null
}

/** What somebody knows of files: those that are read already, or are not to be. */
export interface Known {
  excludes(path: string): boolean
  isKnown(file: OpenFile): boolean
  /** Beginnings of files that were at the path. */
  readonly heads: readonly Mark[]
}

/** The files beside one, at one moment: those whose name says that they may have been at its path, and others. */
export interface Beside {
  readonly path: string
  readonly directory: string
  readonly names: readonly string[]
  readonly others: readonly string[]
}

/** Looks at what is beside a path. */
export function besideOf(path: string): Beside {
  const base = basename(path)
  const directory = dirname(path)
  const names: string[] = []
  const others: string[] = []
  for (const name of list(directory)) {
    if (isRotation(name, base)) names.push(name)
    else if (name !== base) others.push(name)
  }
  return { path, directory, names, others }
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
 * Finds what has become of a file that was at a path, by its inode, and where that is gone by what it holds. Null: it is not in its directory, or
 * not as it was.
 */
export function findMoved({ directory, names, others }: Beside, position: Position): Moved | null {
  const compressed: string[] = []
  const plain: { name: string; stats: Stats }[] = []
  for (const name of [...names, ...others].slice(0, NAMES_MAX)) {
    const stats = look(join(directory, name))
    if (stats === null) continue
    if (stats.dev === position.dev && stats.ino === position.ino && stats.size >= position.offset) {
      const file = open(join(directory, name))
      if (file !== null && file.stats.ino === position.ino && isSame(file.fd, position, file.stats.size))
        return { kind: 'renamed', path: join(directory, name), stats: file.stats, file, head: null }
      if (file !== null) closeSync(file.fd)
    }
    if (!names.includes(name)) continue
    if (name.endsWith('.gz')) compressed.push(name)
    else plain.push({ name, stats })
  }
  if (position.head.length < HEAD_BYTES_MIN) return null
  for (const { name, stats } of plain) {
    if (stats.size < position.offset) continue
    const file = open(join(directory, name))
    if (file !== null && isSame(file.fd, position, file.stats.size))
      return { kind: 'copied', path: join(directory, name), stats: file.stats, file, head: null }
    if (file !== null) closeSync(file.fd)
  }
  for (const name of compressed) {
    const at = join(directory, name)
    const [head, stats] = [compressedHead(at, position.head.length), look(at)]
    if (head?.hash === position.head.hash && stats !== null) return { kind: 'compressed', path: at, stats, file: null, head }
  }
  return null
}

/**
 * The files that were at a path for a while since `sinceMs`, the oldest first, and that nobody knows. Where the one before them was found
 * compressed, as `compressedAs`, they may be so too.
 */
export function findBetween({ path, directory, names }: Beside, sinceMs: number, known: Known, compressedAs: string | null): Moved[] {
  const base = basename(path)
  const found: Moved[] = []
  for (const name of names.slice(0, NAMES_MAX)) {
    const at = join(directory, name)
    const stats = look(at)
    if (stats === null || !stats.isFile() || stats.size === 0 || known.excludes(at)) continue
    if (name.endsWith('.gz')) {
      if (compressedAs === null || !isLater(name, basename(compressedAs), base)) continue
      if (known.heads.some(({ length, hash }) => compressedHead(at, length)?.hash === hash)) continue
      const head = compressedHead(at, HEAD_BYTES)
      if (head !== null) found.push({ kind: 'between', path: at, stats, file: null, head })
    } else if (bornOf(stats) >= sinceMs) {
      const file = open(at)
      if (file === null) continue
      if (known.isKnown(file)) closeSync(file.fd)
      else found.push({ kind: 'between', path: at, stats: file.stats, file, head: null })
    }
  }
  return found.sort((a, b) => (a.file === null ? 0 : 1) - (b.file === null ? 0 : 1) || orderOf(a, b, base))
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

/** The mark of the first bytes of a compressed file, as they were before. Null where there are not so many. */
function compressedHead(path: string, length: number): Mark | null {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const bytes = Buffer.alloc(COMPRESSED_HEAD_BYTES)
    const got = readSync(fd, bytes, 0, bytes.length, 0)
    const inflated = gunzipSync(bytes.subarray(0, got), { finishFlush: constants.Z_SYNC_FLUSH })
    const head = inflated.subarray(0, length)
    return markOf(head, head.length)
  } catch {
    return null
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

// `app.log.1.gz` came after `app.log.2.gz`, but `0.log.20260815-1` after `0.log.20260814-9`.
function isLater(name: string, than: string, base: string): boolean {
  const [a, b] = [name, than].map((each) => each.slice(base.length + 1).replace(/\.gz$/, ''))
  return /^\d{1,4}$/.test(a) && /^\d{1,4}$/.test(b) ? Number(a) < Number(b) : a > b
}

function orderOf(a: Moved, b: Moved, base: string): number {
  if (a.file === null && b.file === null) return isLater(basename(a.path), basename(b.path), base) ? 1 : -1
  return bornOf(a.stats) - bornOf(b.stats) || a.stats.mtimeMs - b.stats.mtimeMs
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function look(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch {
    return null
  }
}

function open(path: string): OpenFile | null {
  try {
    return openFile(path)
  } catch {
    return null
  }
}
