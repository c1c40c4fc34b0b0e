import { statSync } from 'node:fs'
import type { Archive } from './archive.ts'
import { isExhausted, type OpenFile } from './byte-source.ts'
import type { FileCounts } from './counts.ts'
import type { Discovery } from './discovery.ts'
import type { Finder } from './finder.ts'
import type { Generation } from './generation.ts'

/** Files that cannot be followed now are tried again so often; so many of them are remembered. */
const RETRY_MS = 5_000
const WAITING_MAX = 100_000
/** Files that are opened before others have their turn. */
const OPENED_AT_ONCE = 256

/** A file at a path where none is followed, open. */
interface Arrival {
  readonly path: string
  readonly file: OpenFile
  readonly askedAt: number
  /** What was at the path before is sought now; what will be, later. */
  readonly knownMs: number
}

/** A file that was found and is not followed. */
interface Waiting {
  /** When to try again. */
  readonly dueMs: number
  /** Of it, so much is known not to have been read. */
  readonly lagBytes: number
}

/** Files to be followed at a path, the oldest first. */
export interface Admitted {
  readonly path: string
  readonly generations: Generation[]
  /** Until then, all that has been at the path is known. */
  readonly knownMs: number
}

/** Decides which of the files that are found are followed now, and has the others wait. */
export class Admission {
  private readonly filesMax: number
  private readonly archive: Archive
  private readonly finder: Finder
  private readonly discovery: Discovery
  private readonly counts: FileCounts
  /** The last of the files that are followed at a path. */
  private readonly followed: (path: string) => Generation | undefined
  private readonly found = new Set<string>()
  private readonly waiting = new Map<string, Waiting>()

  constructor(
    filesMax: number,
    archive: Archive,
    finder: Finder,
    discovery: Discovery,
    counts: FileCounts,
    followed: Admission['followed']
  ) {
    this.filesMax = filesMax
    this.archive = archive
    this.finder = finder
    this.discovery = discovery
    this.counts = counts
    this.followed = followed
  }

  /** A file was found, or may be at its path again. */
  find(path: string): void {
    if (this.found.has(path) || this.followed(path) !== undefined) return
    if (this.found.size < WAITING_MAX) this.found.add(path)
    else this.counts.failed('remember a file that waits', 'names', path)
  }

  /** Files that have been found, and nobody has looked at. */
  get foundFiles(): number {
    return this.found.size
  }

  /** Files that match and are not followed. */
  get waitingFiles(): number {
    return this.waiting.size
  }

  /** What is known not to have been read of files that wait. */
  get lagBytes(): number {
    let bytes = 0
    for (const { lagBytes } of this.waiting.values()) bytes += lagBytes
    return bytes
  }

  /** Has those tried again whose time has come. */
  retry(nowMs: number): void {
    for (const [path, { dueMs }] of this.waiting) if (dueMs <= nowMs) this.find(path)
  }

  /** Opens some of those that were found; `watched` are followed. Each is followed by the caller before the next is asked for, so that there is room. */
  *admit(watched: () => number, nowMs: number): Generator<Admitted> {
    for (let opened = 0; opened < OPENED_AT_ONCE && this.found.size > 0; ) {
      const arrivals = this.arrive(watched, OPENED_AT_ONCE - opened, nowMs)
      if (arrivals.length === 0) return
      opened += arrivals.length
      for (const arrival of arrivals) {
        const generations = this.admitted(arrival, nowMs)
        if (generations !== null) yield { path: arrival.path, generations, knownMs: arrival.knownMs }
      }
    }
  }

  /** Files that left their path while nobody looked, and that no other has followed there yet. */
  *admitGone(watched: () => number): Generator<Admitted> {
    const { archive, finder, discovery } = this
    const askedAt = archive.ask(null)
    for (const path of archive.positions.unfinished()) {
      if (this.followed(path) !== undefined || this.waiting.has(path) || watched() >= this.filesMax || !finder.wants(path)) continue
      try {
        const generations = discovery.gone(path, askedAt)
        if (generations.length > 0) yield { path, generations, knownMs: Date.now() }
      } catch (error) {
        this.counts.broke('look for a file', error, path)
      }
    }
  }

  // Opens all before the first is looked beside, so that a directory is listed once for all of them.
  private arrive(watched: () => number, most: number, nowMs: number): Arrival[] {
    const { archive } = this
    const arrivals: Arrival[] = []
    let tried = 0
    for (const path of this.found) {
      if (tried++ >= most || !archive.files.hasRoom()) break
      this.found.delete(path)
      this.waiting.delete(path)
      if (this.followed(path) !== undefined) continue
      if (watched() + arrivals.length >= this.filesMax) {
        this.counts.full(this.filesMax)
        this.wait(path, nowMs, this.lagOf(path))
        continue
      }
      const knownMs = Date.now()
      const file = this.open(path, nowMs)
      if (file !== null) arrivals.push({ path, file, askedAt: archive.ask(file), knownMs })
    }
    return arrivals
  }

  private admitted({ path, file, askedAt }: Arrival, nowMs: number): Generation[] | null {
    const { files } = this.archive
    const { arriving } = files
    try {
      const generations = this.discovery.admit(path, file, askedAt, this.followed, nowMs)
      // It is read elsewhere, or compressed, or a copy.
      if (generations === null) this.wait(path, nowMs, 0)
      return generations
    } catch (error) {
      if (files.arriving === arriving) this.archive.dismiss(file)
      this.failed(error, path, nowMs)
      return null
    }
  }

  private open(path: string, nowMs: number): OpenFile | null {
    try {
      return this.archive.arrive(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.failed(error, path, nowMs)
      return null
    }
  }

  private failed(error: unknown, path: string, nowMs: number): void {
    if (isExhausted(error)) this.archive.files.exhausted()
    this.counts.broke('open a file', error, path)
    this.wait(path, nowMs, this.lagOf(path))
  }

  private wait(path: string, nowMs: number, lagBytes: number): void {
    if (this.waiting.size < WAITING_MAX) this.waiting.set(path, { dueMs: nowMs + RETRY_MS, lagBytes })
    else this.counts.failed('remember a file that waits', 'names', path)
  }

  private lagOf(path: string): number {
    try {
      const stats = statSync(path)
      return stats.isFile() ? Math.max(0, stats.size - (this.archive.positions.of(stats)?.offset ?? 0)) : 0
    } catch {
      return 0
    }
  }
}
