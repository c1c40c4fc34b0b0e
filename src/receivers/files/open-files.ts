import { readFileSync } from 'node:fs'
import type { OpenCount } from './byte-source.ts'
import type { Generation } from './generation.ts'

/** Of the files that the process may have open, others need some: connections, the queue. */
const SHARE = 3 / 4
const FILES_MIN = 16
/** So much is closed at once, so that not every file that is opened is looked for a place. */
const SHED_SHARE = 1 / 16

/** What is closed for others: what is read to its end; what waits for its turn, too; or all that can be opened again. */
const URGENCIES = ['idle', 'waiting', 'any'] as const
export type Urgency = (typeof URGENCIES)[number]

/** Who has files open that can be closed, and opened again where they are then. */
export interface Holder {
  /** Closes up to `most`. Returns how many. */
  shed(urgency: Urgency, most: number): number
}

/** How many files are open, and how many may be: where there is no place, some are closed that can be opened again. */
export class OpenFiles implements OpenCount {
  count = 0
  /** Open, and nobody's yet. */
  arriving = 0
  private max: number
  private readonly holders: () => Iterable<Holder>
  private readonly closed: (files: number) => void
  private next: Iterator<Holder> | null = null
  /** Who has the last place, which is for reading. */
  private reader: Generation | null = null

  /** `closed` is told how many files were closed that are not read to their end. */
  constructor(max: number, holders: () => Iterable<Holder>, closed: (files: number) => void) {
    this.max = Math.max(FILES_MIN, Math.min(max, Math.floor(filesOfProcess() * SHARE)))
    this.holders = holders
    this.closed = closed
  }

  /** Whether one more may be opened, to be held open. */
  hasRoom(): boolean {
    if (this.missing <= 0) return true
    for (const urgency of URGENCIES) this.shed(urgency)
    return this.missing <= 0
  }

  /** Whether a file may be opened to be read now: for that there is one place more, which each has in its turn. */
  takes(generation: Generation): boolean {
    if (this.hasRoom()) return true
    const { reader } = this
    if (reader !== null && reader !== generation && reader.source !== null && !reader.closeIfNamed()) return false
    this.reader = generation
    return true
  }

  /** The system has no more. */
  exhausted(): void {
    this.max = Math.max(FILES_MIN, this.count + this.arriving - FILES_MIN)
  }

  // Of one place. One is kept free for reading, and one for a look at what may be nobody's.
  private get missing(): number {
    return this.count + this.arriving + 3 - this.max
  }

  // Goes on where it was, so that it is not always the same who have to open theirs again.
  private shed(urgency: Urgency): void {
    let most = this.missing <= 0 ? 0 : Math.max(this.missing, Math.floor(this.max * SHED_SHARE))
    let isAround = false
    while (most > 0) {
      this.next ??= this.holders()[Symbol.iterator]()
      const { value: holder, done } = this.next.next()
      if (done) {
        this.next = null
        if (isAround) return
        isAround = true
        continue
      }
      const files = holder.shed(urgency, most)
      most -= files
      if (urgency !== 'idle' && files > 0) this.closed(files)
    }
  }
}

// What the process may have open, as Linux tells it.
function filesOfProcess(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
