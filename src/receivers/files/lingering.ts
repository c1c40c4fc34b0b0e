import type { Stats } from 'node:fs'
import type { Archive } from './archive.ts'
import type { Generation } from './generation.ts'
import type { Holder, Urgency } from './open-files.ts'
import type { Tail } from './tail.ts'

/** A file that has left its place is read on until it was quiet for so long: who writes to it may not have noticed yet. */
export const LINGER_MS = 10_000
/** So many files are held open for it. */
const LINGERING_MAX = 256

interface Left {
  readonly generation: Generation
  readonly tail: Tail
  readonly untilMs: number
}

/** Files that have been read to their end and left their place, held a little longer: some of those who write may not have moved on yet. */
export class Lingering implements Holder {
  private readonly archive: Archive
  /** The oldest first. */
  private left: Left[] = []

  constructor(archive: Archive) {
    this.archive = archive
  }

  add(generation: Generation, tail: Tail, nowMs: number): void {
    if (generation.isVoid || generation.source === null || generation.isCompressed) {
      this.archive.leave(generation)
      return
    }
    this.left.push({ generation, tail, untilMs: nowMs + LINGER_MS })
    if (this.left.length > LINGERING_MAX) this.archive.leave(this.left.shift()!.generation)
  }

  /** Those that somebody went on to write, and the tails that they belonged to. */
  look(nowMs: number): Left[] {
    const grown: Left[] = []
    const stay: Left[] = []
    for (const each of this.left) {
      const stats = statsOf(each.generation, nowMs)
      if (stats !== null && stats.size > each.generation.offset) grown.push(each)
      else if (stats === null || nowMs >= each.untilMs) this.archive.leave(each.generation)
      else stay.push(each)
    }
    this.left = stay
    return grown
  }

  shed(urgency: Urgency, most: number): number {
    const left = urgency === 'idle' ? [] : this.left.splice(0, most)
    for (const { generation } of left) this.archive.leave(generation)
    return left.length
  }

  close(): void {
    for (const { generation } of this.left) this.archive.leave(generation)
    this.left = []
  }
}

function statsOf(generation: Generation, nowMs: number): Stats | null {
  try {
    return generation.look(nowMs)
  } catch {
    return null
  }
}
