import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ANY_DEPTH, matcherOf, parseGlob, passes, type Segment } from './glob.ts'
import { nextLookMs } from './pace.ts'

/** Directories that are looked at; more are not gone into. */
const DIRECTORIES_MAX = 100_000
const DEPTH_MAX = 32
/** Where globs begin, as in /var/log/pods, new things appear; what is below changes little, and what changes in a file is seen there. */
const ROOT_MS_MAX = 1_000
const BELOW_MS_MAX = 15_000
/** A directory that was changed so shortly before it was listed may have been changed again in the same tick of its clock. */
const TICK_MS = 2_000

/** A place in one of the patterns: the parts from `at` on are matched below a directory. */
interface Place {
  readonly pattern: readonly Segment[]
  readonly at: number
}

interface Directory {
  readonly path: string
  readonly depth: number
  readonly places: readonly Place[]
  readonly children: Map<string, Directory>
  mtimeMs: number
  listedMs: number
  dueMs: number
}

/**
 * Finds the files that globs match, by looking at directories: those that have changed are read again, the others are looked at the more seldom the
 * longer they have been quiet. Links to directories are followed where the glob names them, but not below `**`.
 */
export class Finder {
  private readonly found: (path: string) => void
  private readonly failed: (code: string) => void
  private readonly isIncluded: (path: string) => boolean
  private readonly isExcluded: (path: string) => boolean
  private readonly intervalMs: number
  private readonly roots: Directory[] = []
  private directories = 0

  /** `found` is told of each file when it is first seen, and again whenever its directory has changed. */
  constructor(
    include: readonly string[],
    exclude: readonly string[],
    intervalMs: number,
    found: Finder['found'],
    failed: Finder['failed']
  ) {
    this.found = found
    this.failed = failed
    this.isIncluded = matcherOf(include)
    this.isExcluded = matcherOf(exclude)
    this.intervalMs = intervalMs
    const roots = new Map<string, Place[]>()
    for (const pattern of include.flatMap(parseGlob)) {
      let at = 0
      while (at < pattern.length - 1 && typeof pattern[at] === 'string') at++
      const path = `/${pattern.slice(0, at).join('/')}`
      roots.set(path, [...(roots.get(path) ?? []), { pattern, at }])
    }
    for (const [path, places] of roots) this.roots.push(this.directory(path, 0, places))
  }

  /** Whether the file is one not to be read. */
  excludes(path: string): boolean {
    return this.isExcluded(path)
  }

  /** Whether a file at the path is one to be read. */
  wants(path: string): boolean {
    return this.isIncluded(path) && !this.isExcluded(path)
  }

  /** Looks at the directories whose turn it is. */
  look(nowMs: number): void {
    for (const root of this.roots) this.visit(root, nowMs)
  }

  // False: it is not there any more.
  private visit(directory: Directory, nowMs: number): boolean {
    if (directory.dueMs <= nowMs && !this.lookAt(directory, nowMs)) return false
    for (const [name, child] of directory.children) {
      if (this.visit(child, nowMs)) continue
      directory.children.delete(name)
      this.directories -= countOf(child)
    }
    return true
  }

  private lookAt(directory: Directory, nowMs: number): boolean {
    const isRoot = directory.depth === 0
    try {
      const stats = statSync(directory.path, { throwIfNoEntry: false })
      if (stats === undefined || !stats.isDirectory()) {
        directory.dueMs = nowMs + Math.max(this.intervalMs, ROOT_MS_MAX)
        directory.mtimeMs = -1
        return isRoot
      }
      if (stats.mtimeMs !== directory.mtimeMs || directory.listedMs - stats.mtimeMs < TICK_MS) {
        directory.mtimeMs = stats.mtimeMs
        directory.listedMs = nowMs
        this.list(directory)
      }
      directory.dueMs = nowMs + nextLookMs(nowMs - stats.mtimeMs, this.intervalMs, isRoot ? ROOT_MS_MAX : BELOW_MS_MAX)
    } catch (error) {
      this.failed((error as NodeJS.ErrnoException).code ?? 'unknown')
      directory.mtimeMs = -1
      directory.dueMs = nowMs + nextLookMs(Number.POSITIVE_INFINITY, this.intervalMs, isRoot ? ROOT_MS_MAX : BELOW_MS_MAX)
    }
    return true
  }

  private list(directory: Directory): void {
    const { path, depth, places, children } = directory
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const { name } = entry
      const below = placesBelow(places, name)
      const at = join(path, name)
      if (below.isFile && !entry.isDirectory() && !this.isExcluded(at)) this.found(at)
      if (below.places.length === 0 || children.has(name) || depth >= DEPTH_MAX || this.directories >= DIRECTORIES_MAX) continue
      if (isDirectory(entry, at, below.places)) children.set(name, this.directory(at, depth + 1, below.places))
    }
  }

  private directory(path: string, depth: number, places: readonly Place[]): Directory {
    this.directories++
    return { path, depth, places, children: new Map(), mtimeMs: -1, listedMs: 0, dueMs: 0 }
  }
}

// What is matched below an entry of a directory, and whether the entry itself may be a file that is looked for.
function placesBelow(places: readonly Place[], name: string): { readonly isFile: boolean; readonly places: readonly Place[] } {
  let isFile = false
  const below: Place[] = []
  for (const place of places) {
    const { pattern } = place
    let { at } = place
    // `**` stands for no directory as well.
    for (; at < pattern.length && pattern[at] === ANY_DEPTH; at++) {
      below.push({ pattern, at })
      if (at === pattern.length - 1) isFile = true
    }
    if (at >= pattern.length || !passes(pattern[at], name)) continue
    if (at === pattern.length - 1) isFile = true
    else below.push({ pattern, at: at + 1 })
  }
  return { isFile, places: below }
}

function isDirectory(entry: Dirent, path: string, places: readonly Place[]): boolean {
  if (entry.isDirectory()) return true
  if (!entry.isSymbolicLink()) return false
  // A link below `**` may lead to where it came from.
  if (places.some(({ pattern, at }) => pattern[at] === ANY_DEPTH)) return false
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  } catch {
    return false
  }
}

function countOf(directory: Directory): number {
  let count = 1
  for (const child of directory.children.values()) count += countOf(child)
  return count
}
