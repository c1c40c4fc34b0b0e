import { setTimeout as sleep } from 'node:timers/promises'
import type { RedactedBatch } from '../../batch.ts'

/** So many items are worth a request at any time. */
const ITEMS_FULL = 1000

/** Keeps small batches from following each other closely: meanwhile the queue makes a larger one of what comes. */
export class Pace {
  private readonly waitMs: number
  private readonly bytesFull: number
  private nextMs = 0

  constructor(waitMs: number, bytesFull: number) {
    this.waitMs = waitMs
    this.bytesFull = bytesFull
  }

  /** Resolves when the batch may go, or when `stop` aborts. */
  async wait({ items, bytes }: RedactedBatch, stop: AbortSignal): Promise<void> {
    const restMs = this.nextMs - performance.now()
    const isFull = items >= ITEMS_FULL || bytes.length >= this.bytesFull
    if (restMs > 0 && !isFull) await sleep(restMs, undefined, { signal: stop }).catch(() => undefined)
    this.nextMs = performance.now() + this.waitMs
  }
}
