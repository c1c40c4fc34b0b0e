import { keyOf, type Mark, type Position } from './identity.ts'

/** What is no longer there is remembered for so long: it may come back compressed, or be found under another name. */
const FORGET_MS = 24 * 3_600_000
const VERSION = 1

/** One remembered file. */
interface Entry {
  position: Position
  /** When somebody last read it, or might have. */
  seenMs: number
  /** As it stands in the file of positions; null where that is to be written anew. */
  line: string | null
}

/** What the file of positions says of itself. */
export interface Heading {
  /** When it was written. */
  readonly atMs: number
  /** The globs that were followed then: a file that matches one of them and is not remembered came later. */
  readonly include: readonly string[]
  /** Written at the end of an orderly stop. */
  readonly isLast: boolean
}

// The file of positions: a line of JSON with the version, one per file, and one with their number. It is written whole, so what is not is damaged.
/** How far each file has been read, durably. Remembered across starts by whoever saves the text. */
export class Positions {
  heading: Heading | null = null
  /** Changes since the last `text`. */
  isDirty = false
  /** Since when there are such changes. */
  dirtySinceMs = 0
  private readonly entriesMax: number
  private readonly entries = new Map<string, Entry>()
  private readonly byPath = new Map<string, Set<string>>()

  constructor(entriesMax: number) {
    this.entriesMax = entriesMax
  }

  get size(): number {
    return this.entries.size
  }

  of(file: { readonly dev: number; readonly ino: number }): Position | undefined {
    return this.entries.get(keyOf(file))?.position
  }

  /** What is remembered of files that were found at a path. */
  at(path: string): Position[] {
    const found: Position[] = []
    for (const key of this.byPath.get(path) ?? []) found.push(this.entries.get(key)!.position)
    return found
  }

  set(position: Position, nowMs: number): void {
    const key = keyOf(position)
    const known = this.entries.get(key)
    if (known !== undefined) {
      if (isEqual(known.position, position)) {
        known.seenMs = nowMs
        return
      }
      if (known.position.path !== position.path) this.unlink(key, known.position.path)
      this.entries.delete(key)
    } else if (this.entries.size >= this.entriesMax) {
      for (const [oldest, { position: forgotten }] of this.entries) {
        this.delete(oldest, forgotten.path)
        break
      }
    }
    this.entries.set(key, { position, seenMs: nowMs, line: null })
    const keys = this.byPath.get(position.path)
    if (keys === undefined) this.byPath.set(position.path, new Set([key]))
    else keys.add(key)
    this.touch(nowMs)
  }

  /** A file that is remembered has another inode now. */
  rename(position: Position, { dev, ino }: { readonly dev: number; readonly ino: number }, nowMs: number): void {
    const key = keyOf(position)
    if (this.entries.get(key)?.position === position) this.delete(key, position.path)
    this.set({ ...position, dev, ino }, nowMs)
  }

  /** Forgets one, unless its inode is another file's by now. */
  drop(position: Position): void {
    const key = keyOf(position)
    if (this.entries.get(key)?.position.head.hash !== position.head.hash) return
    this.delete(key, position.path)
    this.touch(Date.now())
  }

  /** Paths of files that are not read to their end, durably. */
  unfinished(): Set<string> {
    const paths = new Set<string>()
    for (const { position } of this.entries.values()) if (!position.isDone) paths.add(position.path)
    return paths
  }

  /** Files that were read to their end, durably, at a time or later. */
  doneSince(sinceMs: number): Position[] {
    const done: Position[] = []
    for (const { position, seenMs } of this.entries.values()) if (position.isDone && seenMs >= sinceMs) done.push(position)
    return done
  }

  /** Forgets what nobody has seen for long. */
  forget(nowMs: number, isLive: (key: string) => boolean): void {
    for (const [key, entry] of this.entries) {
      if (isLive(key)) entry.seenMs = nowMs
      else if (nowMs - entry.seenMs > FORGET_MS) {
        this.delete(key, entry.position.path)
        this.touch(nowMs)
      }
    }
  }

  /** All of it as a text, to be saved as a whole. */
  text(heading: Heading): string {
    this.isDirty = false
    this.heading = heading
    const lines = [JSON.stringify({ version: VERSION, ...heading })]
    for (const entry of this.entries.values()) {
      entry.line ??= JSON.stringify({ ...entry.position, seenMs: entry.seenMs })
      lines.push(entry.line)
    }
    lines.push(JSON.stringify({ files: this.entries.size }))
    return `${lines.join('\n')}\n`
  }

  /** What could not be saved is to be saved. */
  touch(nowMs: number): void {
    if (!this.isDirty) this.dirtySinceMs = nowMs
    this.isDirty = true
  }

  /** Takes what a text says. Returns how many of its lines cannot be true; all are tried. */
  read(text: string): number {
    let damaged = 0
    let said = -1
    const lines = text.split('\n')
    if (lines.pop() !== '') damaged++
    for (const [number, line] of lines.entries()) {
      const value = parse(line)
      if (number === 0) {
        if (isHeading(value)) this.heading = { atMs: value.atMs, include: value.include, isLast: value.isLast }
        else damaged++
      } else if (isPosition(value) && this.entries.size < this.entriesMax) {
        const { seenMs, ...position } = value
        this.set({ ...position, size: isCount(position.size) ? position.size : position.offset }, seenMs)
      } else if (number === lines.length - 1 && typeof value?.files === 'number') said = value.files
      else damaged++
    }
    this.isDirty = false
    return damaged === 0 && said !== this.entries.size ? 1 : damaged
  }

  private delete(key: string, path: string): void {
    this.entries.delete(key)
    this.unlink(key, path)
  }

  private unlink(key: string, path: string): void {
    const keys = this.byPath.get(path)
    keys?.delete(key)
    if (keys?.size === 0) this.byPath.delete(path)
  }
}

function isEqual(a: Position, b: Position): boolean {
  const isWhere = a.offset === b.offset && a.size === b.size && a.isDone === b.isDone && a.path === b.path
  return isWhere && a.head.hash === b.head.hash && a.trail.hash === b.trail.hash
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

function isHeading(value: Record<string, unknown> | null): value is Record<string, unknown> & Heading {
  if (value === null || value.version !== VERSION || !isCount(value.atMs) || typeof value.isLast !== 'boolean') return false
  return Array.isArray(value.include) && value.include.every((glob) => typeof glob === 'string')
}

function isPosition(value: Record<string, unknown> | null): value is Record<string, unknown> & Position & { readonly seenMs: number } {
  if (value === null || typeof value.path !== 'string' || typeof value.isDone !== 'boolean' || typeof value.bornMs !== 'number')
    return false
  const { dev, ino, offset, seenMs, head, trail } = value
  return [dev, ino, offset, seenMs].every(isCount) && isMark(head) && isMark(trail) && trail.end <= (offset as number)
}

function isMark(value: unknown): value is Mark {
  if (typeof value !== 'object' || value === null) return false
  const { end, length, hash } = value as Record<string, unknown>
  return isCount(end) && isCount(length) && length <= 1024 && length <= end && typeof hash === 'string'
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
