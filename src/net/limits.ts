import { RefusedError } from '../errors.ts'

/** How long a sender that met a full budget is asked to wait. */
const BUSY_RETRY_MS = 1000

/** Memory that the requests inside hold together: bodies as they came and as they were inflated, until they are answered. */
export class ByteBudget {
  readonly maxBytes: number
  heldBytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** One request's part of the budget, empty at first. */
  lease(): Lease {
    return new Lease(this)
  }
}

/** What one request holds of a budget. */
export class Lease {
  private readonly budget: ByteBudget
  private bytes = 0

  constructor(budget: ByteBudget) {
    this.budget = budget
  }

  /** Throws RefusedError `busy` when others hold too much, `too-large` when this request alone would not fit. */
  take(bytes: number): void {
    const { budget } = this
    if (budget.heldBytes + bytes > budget.maxBytes) {
      if (this.bytes + bytes > budget.maxBytes) {
        throw new RefusedError('too-large', `the request takes more than the ${budget.maxBytes} bytes that all requests may hold at once`)
      }
      throw new RefusedError('busy', `requests in flight hold ${budget.heldBytes} of ${budget.maxBytes} bytes`, {
        retryAfterMs: BUSY_RETRY_MS
      })
    }
    this.bytes += bytes
    budget.heldBytes += bytes
  }

  give(bytes: number): void {
    this.bytes -= bytes
    this.budget.heldBytes -= bytes
  }

  /** Gives everything back. May be called again. */
  release(): void {
    this.give(this.bytes)
  }
}

/** What one request may cost before it is answered. */
export interface BodyLimits {
  /** A body's size, as it came and inflated. */
  readonly bodyBytesMax: number
  /** A body that grows by nothing for so long is given up. */
  readonly stallMs: number
  /** A body that is not complete after so long is given up. */
  readonly bodyMs: number
  /** Shared by all whom the limits concern. */
  readonly budget: ByteBudget
}

/** Something that grows old: looked at a few times a second while it is being watched. */
export interface Watched {
  tick(nowMs: number): void
}

const TICK_MS = 250

/** One timer for many waits: cheaper than a timer for each, and accurate to a quarter of a second. Sleeps when there is nothing to watch. */
export class Watch {
  private readonly watched = new Set<Watched>()
  private timer: NodeJS.Timeout | undefined

  add(one: Watched): void {
    this.watched.add(one)
    // After a standstill of ours, what waits in the kernel is read before an immediate runs.
    this.timer ??= setInterval(() => setImmediate(() => this.tick()), TICK_MS).unref()
  }

  delete(one: Watched): void {
    this.watched.delete(one)
  }

  get size(): number {
    return this.watched.size
  }

  [Symbol.iterator](): Iterator<Watched> {
    return this.watched.values()
  }

  private tick(): void {
    if (this.watched.size === 0) {
      clearInterval(this.timer)
      this.timer = undefined
      return
    }
    const nowMs = performance.now()
    for (const one of this.watched) one.tick(nowMs)
  }
}
