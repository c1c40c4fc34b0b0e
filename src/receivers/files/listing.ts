import { closeSync, readdirSync, type Stats, statSync } from 'node:fs'
import { openFile } from './byte-source.ts'
import { headOf, keyOf, type Mark } from './identity.ts'

/** Files of one directory that are looked at; of more than these, those whose names come last are not. */
const NAMES_MAX = 65_536

/** What stands in a directory. A file is looked at when somebody asks for it, and once. */
export class Listing {
  /** All that is there is in it. */
  readonly isWhole: boolean
  /** The question that it was made for, and the last one that it answers. */
  readonly madeAt: number
  private readonly prefix: string
  /** Sorted. */
  private readonly names: readonly string[]
  private readonly looked = new Map<string, Stats | null>()
  private readonly heads = new Map<string, Mark | null>()
  private byInode: Map<string, string[]> | null = null

  /** `failed` is told what the system said, or that there are too many. */
  constructor(directory: string, madeAt: number, failed: (reason: string) => void) {
    this.madeAt = madeAt
    this.prefix = directory.endsWith('/') ? directory : `${directory}/`
    const { names, fault } = namesIn(directory)
    this.names = names
    this.isWhole = fault === null
    if (fault !== null) failed(fault)
  }

  pathOf(name: string): string {
    return this.prefix + name
  }

  /** The names that begin with a text, in order. */
  beginningWith(text: string): readonly string[] {
    const { names } = this
    const start = firstNotBefore(names, text)
    let end = start
    while (end < names.length && names[end].startsWith(text)) end++
    return names.slice(start, end)
  }

  /** How a file was when it was looked at; null: it was not there any more. */
  statsOf(name: string): Stats | null {
    const known = this.looked.get(name)
    if (known !== undefined) return known
    const stats = look(this.pathOf(name))
    this.looked.set(name, stats)
    return stats
  }

  /** Whether a name leads to the same file as when it was looked at. */
  isStill(name: string): boolean {
    const stats = this.statsOf(name)
    return stats !== null && look(this.pathOf(name))?.ino === stats.ino
  }

  /** How a file began when it was looked at; null: it could not be. */
  headOf(name: string): Mark | null {
    const known = this.heads.get(name)
    if (known !== undefined) return known
    const head = headAt(this.pathOf(name))
    this.heads.set(name, head)
    return head
  }

  /** The names of a file. */
  namesOf(file: { readonly dev: number; readonly ino: number }): readonly string[] {
    if (this.byInode === null) {
      this.byInode = new Map()
      for (const name of this.names) {
        const stats = this.statsOf(name)
        if (stats === null) continue
        const key = keyOf(stats)
        const others = this.byInode.get(key)
        if (others === undefined) this.byInode.set(key, [name])
        else others.push(name)
      }
    }
    return this.byInode.get(keyOf(file)) ?? []
  }
}

/**
 * Directories, listed once for many questions: a listing answers those that were asked before it was made. So what is to be sought beside many files
 * is asked for all of them first.
 */
export class Listings {
  private questions = 0
  private readonly listings = new Map<string, Listing>()
  private readonly failed: (reason: string) => void

  constructor(failed: (reason: string) => void) {
    this.failed = failed
  }

  /** A question that is asked now. */
  ask(): number {
    return ++this.questions
  }

  /** What stands in a directory, at some time after a question was asked. */
  of(directory: string, askedAt: number): Listing {
    const known = this.listings.get(directory)
    if (known !== undefined && known.madeAt >= askedAt) return known
    const made = new Listing(directory, this.questions, this.failed)
    this.listings.set(directory, made)
    return made
  }

  /** Lets go of the memory; what has been asked may be answered by other listings. */
  clear(): void {
    this.listings.clear()
  }
}

function namesIn(directory: string): { readonly names: readonly string[]; readonly fault: string | null } {
  try {
    const names = readdirSync(directory).sort()
    return names.length > NAMES_MAX ? { names: names.slice(0, NAMES_MAX), fault: 'names' } : { names, fault: null }
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    return { names: [], fault: code === 'ENOENT' ? null : code }
  }
}

function firstNotBefore(names: readonly string[], text: string): number {
  let [from, to] = [0, names.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (names[middle] < text) from = middle + 1
    else to = middle
  }
  return from
}

function look(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch {
    return null
  }
}

function headAt(path: string): Mark | null {
  let fd: number | undefined
  try {
    fd = openFile(path)?.fd
    return fd === undefined ? null : headOf(fd)
  } catch {
    return null
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
