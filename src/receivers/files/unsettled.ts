import type { Archive } from './archive.ts'
import type { Generation } from './generation.ts'

/** What was read at one path and is not durable to its end, the oldest first; has remembered what is. */
export class Unsettled {
  private readonly path: string
  private readonly archive: Archive
  private readonly finished: Generation[] = []

  constructor(path: string, archive: Archive) {
    this.path = path
    this.archive = archive
  }

  /** It has been read to its end. */
  add(generation: Generation): void {
    this.finished.push(generation)
  }

  get isEmpty(): boolean {
    return this.finished.length === 0
  }

  /**
   * Has remembered what is durable of these, and of `rest`, which are being read or to be. Returns those that are durable to their end; to be called
   * again with what comes later.
   */
  settle(durable: number, rest: readonly Generation[], nowMs: number): Generation[] {
    const { finished, path } = this
    const { positions } = this.archive
    const done: Generation[] = []
    while (finished.length > 0) {
      const [oldest] = finished
      const position = oldest.remember(path, durable, true)
      if (position !== null) positions.set(position, nowMs)
      if (durable < oldest.end) break
      done.push(oldest)
      finished.shift()
    }
    if (rest.length > 0) {
      const position = rest[0].remember(path, durable, false)
      if (position !== null && finished.length === 0) positions.set(position, nowMs)
      this.note(durable, rest, nowMs)
    }
    return done
  }

  /** Closes up to `most` files: nobody reads them any more, at most it is not seen that somebody writes on. */
  shed(most: number): number {
    let closed = 0
    for (const each of this.finished) {
      if (closed >= most) break
      if (each.source === null) continue
      each.close()
      closed++
    }
    return closed
  }

  leave(): void {
    for (const each of this.finished) this.archive.leave(each)
  }

  // Remembers those that are not durable in any part: if they are gone when reading goes on another time, it is known how much that was.
  private note(durable: number, rest: readonly Generation[], nowMs: number): void {
    const all = [...this.finished, ...rest]
    for (let i = 1; i < all.length; i++) {
      // What a file held that was emptied may not be durable yet, and is found by what is remembered of that.
      if (all[i - 1].isVoid) return
      const generation = all[i]
      if (generation.notedSize === generation.size) continue
      generation.notedSize = generation.size
      const position = generation.remember(this.path, durable, false)
      if (position !== null) this.archive.positions.set(position, nowMs)
    }
  }
}
