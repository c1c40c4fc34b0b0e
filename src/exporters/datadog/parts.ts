import type { RedactedBatch } from '../../batch.ts'
import type { Dropped, Outcome } from '../../component.ts'
import { RefusedError } from '../../errors.ts'

/** A request that is made of a part of a batch. */
export interface Part {
  /** Tells it from the other parts; the same when the batch is sent again. */
  readonly key: string
  readonly items: number
  send(): Promise<void>
}

/**
 * Sends a batch in parts, each until it has arrived and not once more: when one of them must be sent again, those that arrived must not, or they would
 * count twice.
 */
export class Parts {
  private bytes: Uint8Array = new Uint8Array(0)
  private readonly arrived = new Map<string, number>()
  private dropped: Dropped[] = []

  async send(batch: RedactedBatch, parts: readonly Part[], skipped: readonly Dropped[] = []): Promise<Outcome | undefined> {
    this.begin(batch)
    for (const { key, items, send } of parts) {
      if (this.arrived.has(key)) continue
      try {
        await send()
      } catch (error) {
        if (!(error instanceof RefusedError) || error.retryable || (parts.length === 1 && skipped.length === 0)) throw error
        this.dropped.push({ reason: error.code, message: error.message, items })
      }
      this.arrived.set(key, items)
    }
    const dropped = [...skipped, ...this.dropped]
    this.end()
    return dropped.length === 0 ? undefined : { rejected: 0, reason: '', dropped }
  }

  /** What became of a batch that will not be sent again. */
  abandon(batch: RedactedBatch, reason: string): Outcome {
    this.begin(batch)
    let settled = 0
    for (const items of this.arrived.values()) settled += items
    const dropped = [...this.dropped, { reason, message: 'given up', items: batch.items - settled }]
    this.end()
    return { rejected: 0, reason: '', dropped: dropped.filter(({ items }) => items > 0) }
  }

  private begin({ bytes }: RedactedBatch): void {
    if (bytes === this.bytes || Buffer.compare(bytes, this.bytes) === 0) return
    this.end()
    this.bytes = bytes
  }

  private end(): void {
    this.bytes = new Uint8Array(0)
    this.arrived.clear()
    this.dropped = []
  }
}
