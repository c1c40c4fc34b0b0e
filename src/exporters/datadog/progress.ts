import type { RedactedBatch } from '../../batch.ts'
import type { Dropped, Outcome } from '../../component.ts'

interface Given {
  readonly reason: string
  readonly message: string
  items: number
  readonly batch: RedactedBatch | undefined
}

/** What has become of the items of a batch so far. It leaves in parts, and parts that arrived are not sent again: so this outlives the attempt. */
export class Progress {
  readonly batch: RedactedBatch
  private readonly given: Given[] = []
  private rejected = 0
  private rejectedReason = ''

  constructor(batch: RedactedBatch) {
    this.batch = batch
  }

  /** Whether this is the batch, be it another object. */
  isOf({ signal, items, bytes }: RedactedBatch): boolean {
    const { batch } = this
    if (bytes === batch.bytes) return true
    return signal === batch.signal && items === batch.items && Buffer.compare(bytes, batch.bytes) === 0
  }

  /** Gives items up; `part` is what becomes a dead letter. */
  drop(reason: string, message: string, items: number, part?: RedactedBatch): void {
    if (items <= 0) return
    const known = part === undefined ? this.given.find((each) => each.reason === reason && each.batch === undefined) : undefined
    if (known !== undefined) known.items += items
    else this.given.push({ reason, message, items, batch: part })
  }

  /** The destination took a request, and of its items refused some. */
  reject(items: number, reason: string): void {
    this.rejected += items
    if (items > 0) this.rejectedReason = reason
  }

  outcome(): Outcome | undefined {
    const dropped = this.given.map(({ reason, message, items, batch }): Dropped => ({ reason, message, items, batch }))
    if (dropped.length === 0 && this.rejected === 0) return undefined
    return { rejected: this.rejected, reason: this.rejectedReason, dropped }
  }
}
